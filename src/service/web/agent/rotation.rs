//! Logs that programs write without an end: a log that has grown large is put aside, and the program begins a new one.

use std::path::Path;

use nix::sys::signal::Signal;

use super::daemons::{NGINX, PHP_FPM};
use crate::supervise::daemon::DaemonStatus;
use crate::sys;
use crate::sys::process::ProcessId;

/// The one before it is kept, so that a log takes twice as much.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
const LOGS: [&str; 7] = [
    "nginx-proxy-access.log",
    "nginx-proxy-error.log",
    "nginx-static-access.log",
    "nginx-static-error.log",
    "fpm-access.log",
    "fpm-error.log",
    "fpm-slow.log",
];
/// The programs that write them, and open them again on `SIGUSR1`. Which of both writes what PHP answered depends on
/// where PHP is.
const WRITERS: [&str; 2] = [NGINX, PHP_FPM];

/// Puts large logs in `directory` aside. Blocking.
pub(super) fn rotate(directory: &Path, daemons: &[DaemonStatus]) {
    let n_aside = LOGS.iter().filter(|log| put_aside(&directory.join(log), MAX_BYTES)).count();
    if n_aside == 0 {
        return;
    }
    for daemon in daemons.iter().filter(|daemon| WRITERS.contains(&daemon.name.as_str())) {
        if let Some(process) = daemon.process.and_then(ProcessId::of) {
            process.signal(Signal::SIGUSR1);
        }
    }
}

/// Returns whether the log was so large that it is aside now.
fn put_aside(log: &Path, max_bytes: u64) -> bool {
    let is_large = std::fs::symlink_metadata(log).is_ok_and(|found| found.is_file() && found.len() > max_bytes);
    if !is_large {
        return false;
    }
    let moved = std::fs::rename(log, log.with_extension("log.1"));
    if let Err(error) = &moved {
        tracing::warn!("{} cannot be put aside: {}", log.display(), sys::chain(error));
    }
    moved.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_is_put_aside_in_the_place_of_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("a.log");
        assert!(!put_aside(&log, 3));
        std::fs::write(&log, "abc").unwrap();
        assert!(!put_aside(&log, 3));
        for text in ["abcd", "efgh"] {
            std::fs::write(&log, text).unwrap();
            assert!(put_aside(&log, 3) && !log.exists());
            assert_eq!(std::fs::read_to_string(directory.path().join("a.log.1")).unwrap(), text);
        }
    }
}
