//! Access logs: one for each published service. One that has grown large is put aside; one of a service that is not
//! published any more goes.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::sys;
use crate::sys::process::ProcessId;

/// The one before it is kept, so that a log takes twice as much.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Looks after the logs in `directory`; nginx is the process `main`, and serves what has these numbers. Blocking.
pub(super) fn tend(directory: &Path, main: Option<i32>, numbers: &[i64]) {
    let mut is_any_aside = false;
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let number = entry.file_name().to_string_lossy().split('.').next().and_then(|text| text.parse::<i64>().ok());
        let outcome = if number.is_none_or(|number| !numbers.contains(&number)) {
            std::fs::remove_file(&path)
        } else if path.extension().is_some_and(|end| end == "log") && is_large(&path) {
            is_any_aside = true;
            std::fs::rename(&path, path.with_extension("log.1"))
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            tracing::warn!("{} cannot be put aside: {}", path.display(), sys::chain(&error));
        }
    }
    if let Some(process) = main.filter(|_| is_any_aside).and_then(ProcessId::of) {
        process.signal(Signal::SIGUSR1);
    }
}

fn is_large(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() > MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logs_are_put_aside_and_those_of_nobody_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let large = usize::try_from(MAX_BYTES + 1).unwrap();
        for (name, size) in [("1.log", large), ("1.log.1", 1), ("2.log", 3), ("3.log", 3), ("3.log.1", 3)] {
            std::fs::write(path(name), vec![b'x'; size]).unwrap();
        }
        tend(directory.path(), None, &[1, 2]);
        assert!(!path("1.log").exists() && path("2.log").exists());
        assert_eq!(std::fs::metadata(path("1.log.1")).unwrap().len(), MAX_BYTES + 1);
        assert!(!path("3.log").exists() && !path("3.log.1").exists());
    }
}
