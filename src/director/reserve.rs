//! Room on the disk that is kept for the director, so that a disk that tenants filled can still be freed by it.
//!
//! A file of the state directory holds the room. It is given up before something is recorded that frees room (a stop, a
//! removal), when next to nothing else is left, and made again once there is room. Meanwhile what takes room is refused.
//!
//! # Caveats
//! - It helps where the database is on the same file system as the state directory.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::error::Failure;
use crate::sys::file::{self, FileError};
use crate::sys::{blocking, chain};

/// On a small disk the reserve is this part of it at most.
const SMALLEST_PART: u64 = 16;
/// When less than this part of the reserve is free, the disk is full.
const FULL_PART: u64 = 4;

/// The reserve of one director.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    state_dir: PathBuf,
    wanted_bytes: u64,
}

impl Reserve {
    /// Keeps `wanted_bytes`, none with 0; makes nothing yet.
    pub(crate) fn new(state_dir: &Path, wanted_bytes: u64) -> Reserve {
        Reserve { state_dir: state_dir.to_owned(), wanted_bytes }
    }

    /// Lets the reserve go if the disk is full. To be called before something is recorded that frees room.
    pub(crate) async fn make_room(&self) {
        let reserve = self.clone();
        blocking(move || logged(reserve.make_room_blocking())).await;
    }

    /// Refuses what takes room when only the reserve is left.
    pub(crate) async fn check_room(&self) -> Result<(), Failure> {
        let reserve = self.clone();
        match blocking(move || reserve.is_full()).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(Failure::NoRoom),
            Err(error) => Err(Failure::Internal(chain(&error))),
        }
    }

    /// Keeps room again once there is enough.
    pub(crate) async fn restore(&self) {
        let reserve = self.clone();
        blocking(move || logged(reserve.restore_blocking())).await;
    }

    /// Returns the file that holds the reserve.
    pub(crate) fn file(&self) -> PathBuf {
        self.state_dir.join("reserve")
    }

    /// Returns whether the reserve is there, or none is wanted. Blocking.
    pub(crate) fn is_kept(&self) -> Result<bool, FileError> {
        Ok(self.kept_bytes() >= self.bytes()?)
    }

    fn make_room_blocking(&self) -> Result<(), FileError> {
        let kept = self.kept_bytes();
        if kept > 0 && file::free_bytes(&self.state_dir)? < self.bytes()? / FULL_PART {
            file::ensure_absent(&self.file())?;
            tracing::warn!(kept, "the disk is full: the director's reserve is given up to free room");
        }
        Ok(())
    }

    fn is_full(&self) -> Result<bool, FileError> {
        let wanted = self.bytes()?;
        let given_up = wanted.saturating_sub(self.kept_bytes());
        Ok(file::free_bytes(&self.state_dir)?.saturating_sub(given_up) < wanted / FULL_PART)
    }

    fn restore_blocking(&self) -> Result<(), FileError> {
        let wanted = self.bytes()?;
        let kept = self.kept_bytes();
        if kept >= wanted || file::free_bytes(&self.state_dir)? < (wanted - kept) * 2 {
            return Ok(());
        }
        let path = self.file();
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let made = file.and_then(|file| match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, wanted) {
            Err(Errno::OPNOTSUPP) => io::copy(&mut io::repeat(0).take(wanted), &mut &file).map(drop),
            other => Ok(other?),
        });
        made.map_err(|source| {
            // A part that is there would look like all of it.
            let _best_effort = file::ensure_absent(&path);
            FileError::new("keep a reserve in", &path, source)
        })
    }

    fn kept_bytes(&self) -> u64 {
        std::fs::metadata(self.file()).map_or(0, |metadata| metadata.len())
    }

    fn bytes(&self) -> Result<u64, FileError> {
        Ok(self.wanted_bytes.min(file::total_bytes(&self.state_dir)? / SMALLEST_PART))
    }
}

fn logged(outcome: Result<(), FileError>) {
    if let Err(error) = outcome {
        tracing::warn!("cannot look after the director's reserve of disk: {}", chain(&error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_takes_real_room_and_is_kept_until_the_disk_is_full() {
        use std::os::unix::fs::MetadataExt;
        let place = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(place.path(), 1 << 20);
        assert!(!reserve.is_kept().unwrap());
        reserve.restore_blocking().unwrap();
        reserve.restore_blocking().unwrap();
        assert!(reserve.is_kept().unwrap() && !reserve.is_full().unwrap());
        assert!(std::fs::metadata(reserve.file()).unwrap().blocks() * 512 >= 1 << 20);
        reserve.make_room_blocking().unwrap();
        assert!(reserve.is_kept().unwrap(), "there is room");
        assert!(Reserve::new(place.path(), 0).is_kept().unwrap());
    }
}
