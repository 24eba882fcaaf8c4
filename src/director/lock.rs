//! One director for one database and one state directory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::config::DirectorConfig;
use crate::sys::file::{self, FileError};

/// A program that is being started has our files open for a moment.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// Why a director cannot have the data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another one has it.
    #[error("another director{whose} has {}: stop it, or give this one a STATE_DIR and a DATABASE_URI of its own", path.display())]
    Held {
        /// The locked file.
        path: PathBuf,
        /// Its process, in parentheses, where that is known.
        whose: String,
    },
    /// A file cannot be opened or locked.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Held for as long as it lives; the kernel lets go of it when the process ends, however it ends.
pub(crate) struct DirectorLock {
    _files: Vec<Flock<File>>,
}

/// Locks the state directory and the database of `config`. Blocking.
///
/// # Errors
/// Another director has one of them; the text names its process.
pub(crate) fn hold(config: &DirectorConfig) -> Result<DirectorLock, LockError> {
    let mut beside = config.database.as_os_str().to_owned();
    beside.push(".lock");
    let paths = [config.state_dir.join("director.lock"), PathBuf::from(beside)];
    let files = paths.iter().map(|path| lock(path)).collect::<Result<_, LockError>>()?;
    Ok(DirectorLock { _files: files })
}

fn lock(path: &Path) -> Result<Flock<File>, LockError> {
    let began = Instant::now();
    loop {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let opened = opened.map_err(|source| FileError::new("open", path, source))?;
        match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(mut locked) => {
                let pid = std::process::id();
                // The number is for people; the lock is what counts.
                let _a_full_disk_does_no_harm = locked.set_len(0).and_then(|()| writeln!(locked, "{pid}"));
                return Ok(locked);
            }
            Err((_, Errno::EWOULDBLOCK)) if began.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            Err((_, Errno::EWOULDBLOCK)) => {
                let pid = file::read_text(path).unwrap_or_default();
                let pid = pid.trim();
                let whose = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
                return Err(LockError::Held { path: path.to_owned(), whose });
            }
            Err((_, errno)) => return Err(FileError::new("lock", path, errno.into()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_names_who_has_it_and_is_free_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("director.lock");
        let held = lock(&path).unwrap();
        let refused = lock(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(held);
        lock(&path).unwrap();
    }
}
