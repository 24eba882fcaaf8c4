//! The passwords that the first boot made up: kept until somebody takes them.
//!
//! # Guarantees
//! - They are given away once: whoever takes them holds a lock, and has them
//!   only after the file is off the disk.
//! - A power cut leaves them untaken, or taken and gone.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::{BoardError, Place, console};
use crate::api::first_boot::FirstLogin;
use crate::sys::file::{self, FileError};
use crate::task::crash_point;

/// Takes the first login away and gives it; `None` when it was taken before
/// or there never was one. The console stops showing it. Blocking.
///
/// # Errors
/// The file cannot be read or removed: then nobody has it.
pub(crate) fn take_first_login(place: &Place) -> Result<Option<FirstLogin>, BoardError> {
    let _held = lock(place)?;
    let Some(login) = read(place)? else { return Ok(None) };
    file::ensure_absent(&place.first_login())?;
    sync_directory(&place.first_login())?;
    crash_point("first-boot.login.taken");
    // The login is out of this machine now: whatever the console does, it must be given.
    if let Err(error) = console::show(place) {
        eprintln!("the console may still show it: {}", crate::sys::chain(&error));
    }
    Ok(Some(login))
}

/// The first login, if it is there. Blocking.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(place: &Place) -> Result<Option<FirstLogin>, BoardError> {
    let path = place.first_login();
    match file::read(&path) {
        Ok(bytes) => match serde_json::from_slice::<FirstLogin>(&bytes) {
            Ok(login) => Ok(Some(login).filter(|login| !login.is_empty())),
            Err(_) => Err(BoardError::Damaged(path)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps a first login, before any of its passwords is set. Blocking.
///
/// # Errors
/// The disk does not take it.
pub(crate) fn keep(place: &Place, login: &FirstLogin) -> Result<(), BoardError> {
    let path = place.first_login();
    let bytes = serde_json::to_vec(login).map_err(|_| BoardError::Damaged(path.clone()))?;
    Ok(file::write_atomic(&path, &bytes, 0o600)?)
}

/// Held while the login is given away or shown.
pub(crate) fn lock(place: &Place) -> Result<Flock<File>, BoardError> {
    let path: PathBuf = place.state("");
    let fail = |source| FileError::new("lock", &path, source);
    let directory = File::open(&path).map_err(fail)?;
    Ok(Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| fail(errno.into()))?)
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(path);
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| FileError::new("write", directory, source))
}
