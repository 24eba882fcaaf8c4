//! What scripts print must not fill the disk.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::NodeBase;
use crate::service::LogFile;
use crate::sys::{self, file};

const PAUSE: Duration = Duration::from_secs(30);
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Of a log that became too large, this much of its end is kept in `<name>.1`.
const KEPT_BYTES: u64 = 1024 * 1024;

/// Looks at the offered logs again and again until `stop`, and empties those
/// that became too large. Programs go on writing to the same file: they all
/// append.
pub(crate) async fn keep_small(base: NodeBase, logs: &'static [LogFile], stop: CancellationToken) {
    let paths: Vec<PathBuf> = logs.iter().map(|log| base.rooted(log.path)).collect();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let paths = paths.clone();
        sys::blocking(move || paths.iter().for_each(|path| empty_if_large(path, MAX_BYTES))).await;
    }
}

fn empty_if_large(path: &Path, max_bytes: u64) {
    if !std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > max_bytes) {
        return;
    }
    let mut old = path.to_owned().into_os_string();
    old.push(".1");
    let end = file::read_tail(path, KEPT_BYTES).unwrap_or_default();
    let kept = file::write_atomic(Path::new(&old), end.as_bytes(), 0o600);
    let emptied = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(0));
    tracing::warn!(
        target: "conpaas.core.agent",
        "{} became larger than {max_bytes} bytes; its end is kept in {}: {}, emptied: {}",
        path.display(), Path::new(&old).display(), kept.is_ok(), emptied.is_ok()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_large_log_is_emptied_while_somebody_writes_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.out");
        let mut writer = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writer.write_all(&[b'a'; 100]).unwrap();
        empty_if_large(&path, 100);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100);
        writer.write_all(b"b").unwrap();
        empty_if_large(&path, 100);
        writer.write_all(b"c").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"c");
        assert!(std::fs::read_to_string(directory.path().join("agent.out.1")).unwrap().ends_with("ab"));
    }
}
