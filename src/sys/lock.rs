//! A directory that one process at a time works in.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::file::{self, FileError};

/// Holds a directory against other processes that ask for it. Let go when it is dropped, and when the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _held: File,
}

impl DirectoryLock {
    /// Takes a directory, which is made when it is not there; `None` when another process has it. Blocking.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, FileError> {
        take(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes a directory, which is made when it is not there, once no other process has it. Blocking.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub(crate) fn take(path: &Path) -> Result<Self, FileError> {
        loop {
            if let Some(lock) = take(path, FlockOperation::LockExclusive)? {
                return Ok(lock);
            }
        }
    }
}

fn take(path: &Path, operation: FlockOperation) -> Result<Option<DirectoryLock>, FileError> {
    let fail = |source: io::Error| FileError::new("lock", path, source);
    loop {
        file::ensure_directory(path)?;
        let directory = match File::open(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        match flock(&directory, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(fail(errno.into())),
        }
        // Who had it may have removed it: what is there now is another one.
        let held = directory.metadata().map_err(fail)?;
        match path.metadata() {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => {
                return Ok(Some(DirectoryLock { _held: directory }));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_holders_and_one_that_was_removed_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("place");
        let first = DirectoryLock::try_take(&path).unwrap().expect("nobody has it");
        assert!(DirectoryLock::try_take(&path).unwrap().is_none());
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiting = path.clone();
        let waiter = std::thread::spawn(move || {
            sender.send(()).unwrap();
            DirectoryLock::take(&waiting).unwrap()
        });
        receiver.recv().unwrap();
        std::fs::remove_dir(&path).unwrap();
        drop(first);
        let _second = waiter.join().unwrap();
        assert!(path.is_dir() && DirectoryLock::try_take(&path).unwrap().is_none());
    }
}
