//! The file of the first login: the passwords that the first boot made up.
//!
//! A caller that reads the file in order to show or remove it holds [`lock`] meanwhile.
//!
//! Must not know who is shown the passwords.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::error::FirstBootError;
use super::place::Place;
use crate::api::first_boot::FirstLogin;
use crate::sys::file::{self, FileError};

/// Reads the first login, if it is there. Blocking.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(place: &Place) -> Result<Option<FirstLogin>, FirstBootError> {
    let path = place.first_login();
    match file::read(&path) {
        Ok(bytes) => match serde_json::from_slice::<FirstLogin>(&bytes) {
            Ok(login) => Ok(Some(login).filter(|login| !login.is_empty())),
            Err(_) => Err(FirstBootError::Damaged(path)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps a first login, before any of its passwords is set. Blocking.
///
/// # Errors
/// The disk does not take it.
pub(crate) fn keep(place: &Place, login: &FirstLogin) -> Result<(), FirstBootError> {
    let path = place.first_login();
    let bytes = serde_json::to_vec(login).map_err(|_| FirstBootError::Damaged(path.clone()))?;
    Ok(file::write_atomic(&path, &bytes, 0o600)?)
}

/// Takes the lock that is held while the login is taken or shown.
pub(crate) fn lock(place: &Place) -> Result<Flock<File>, FirstBootError> {
    let path: PathBuf = place.state("");
    let fail = |source| FileError::new("lock", &path, source);
    let directory = File::open(&path).map_err(fail)?;
    Ok(Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| fail(errno.into()))?)
}

/// Removes the file, so that it is gone after a power cut too. Blocking.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn remove(place: &Place) -> Result<(), FirstBootError> {
    let path = place.first_login();
    file::ensure_absent(&path)?;
    Ok(sync_directory(&path)?)
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(path);
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| FileError::new("write", directory, source))
}
