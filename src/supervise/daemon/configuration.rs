//! Configuration files: all of a set at once, or none.
//!
//! A set lies in a directory of its own beside `current`, the link to the one that counts. Everything here blocks.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::command;
use super::error::DaemonError;
use super::place::DaemonPlace;
use super::spec::ConfigurationFile;
use crate::sys::file::{self, FileError};
use crate::sys::random;

const PREFIX: &str = "configuration-";

/// Returns whether `current` holds exactly these files.
pub(crate) fn is_placed(place: &DaemonPlace, files: &[ConfigurationFile]) -> bool {
    let current = place.configuration();
    let is_there = |file: &ConfigurationFile| {
        let path = current.join(&file.path);
        let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o7777);
        mode.is_ok_and(|mode| mode == file.mode) && fs::read(&path).is_ok_and(|bytes| bytes == file.content.as_bytes())
    };
    current.is_dir() && count(&current) == files.len() && files.iter().all(is_there)
}

/// Writes files beside the ones that count, and returns their directory.
///
/// # Errors
/// A path leads elsewhere, an account does not exist, the disk is full.
pub(crate) fn stage(place: &DaemonPlace, files: &[ConfigurationFile]) -> Result<PathBuf, DaemonError> {
    let staged = place.directory().join(format!("{PREFIX}{}", random::alphanumeric(8)));
    let outcome =
        open_directory(place, &staged).and_then(|()| files.iter().try_for_each(|file| write(place, &staged, file)));
    if outcome.is_err() {
        discard(&staged);
    }
    outcome.map(|()| staged)
}

/// Makes staged files the ones that count. The set before them stays until the next one: somebody may be reading it.
///
/// # Errors
/// The disk is full.
pub(crate) fn commit(place: &DaemonPlace, staged: &Path) -> Result<(), DaemonError> {
    let current = place.configuration();
    let before = fs::read_link(&current).ok();
    let link = place.directory().join("current.new");
    file::ensure_absent(&link).map_err(|error| place.failed(error))?;
    let target = staged.file_name().unwrap_or_default();
    symlink(target, &link)
        .and_then(|()| fs::rename(&link, &current))
        .map_err(|source| place.failed(FileError::new("link", &current, source)))?;
    place.sync()?;
    for entry in fs::read_dir(place.directory()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_old = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_old && name != target && before.as_deref() != Some(Path::new(&name)) {
            discard(&entry.path());
        }
    }
    Ok(())
}

/// Removes files that were staged for nothing.
pub(crate) fn discard(staged: &Path) {
    if let Err(error) = file::ensure_absent(staged) {
        tracing::warn!("{}", crate::sys::chain(&error));
    }
}

fn write(place: &DaemonPlace, staged: &Path, file: &ConfigurationFile) -> Result<(), DaemonError> {
    let is_inside = file.path.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || file.path.as_os_str().is_empty() {
        return Err(DaemonError::OutsidePath { name: place.name.clone(), path: file.path.clone() });
    }
    let mut directory = staged.to_owned();
    for part in file.path.parent().into_iter().flat_map(Path::components) {
        directory.push(part);
        open_directory(place, &directory)?;
    }
    let path = staged.join(&file.path);
    file::write_atomic(&path, file.content.as_bytes(), file.mode & 0o600).map_err(|error| place.failed(error))?;
    if let Some(owner) = file.owner.as_deref().filter(|_| command::is_root()) {
        let owner = command::account(&place.name, owner)?;
        nix::unistd::chown(&path, Some(owner.uid), Some(owner.gid))
            .map_err(|errno| place.failed(FileError::new("give away", &path, errno.into())))?;
    }
    set_mode(place, &path, file.mode)
}

/// The daemon's user has to reach its files, whatever the umask is.
fn open_directory(place: &DaemonPlace, directory: &Path) -> Result<(), DaemonError> {
    file::ensure_directory(directory).map_err(|error| place.failed(error))?;
    set_mode(place, directory, 0o755)
}

fn set_mode(place: &DaemonPlace, path: &Path, mode: u32) -> Result<(), DaemonError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|source| place.failed(FileError::new("set the mode of", path, source)))
}

fn count(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::sample;
    use super::*;

    fn place() -> (tempfile::TempDir, DaemonPlace, Vec<ConfigurationFile>) {
        let directory = tempfile::tempdir().unwrap();
        let daemon = sample();
        let place = DaemonPlace::new(directory.path(), &daemon.name);
        place.ensure().unwrap();
        (directory, place, daemon.configuration)
    }

    #[test]
    fn a_staged_set_counts_once_it_is_committed() {
        let (_directory, place, mut files) = place();
        assert!(!is_placed(&place, &files) && !is_placed(&place, &[]));
        let staged = stage(&place, &files).unwrap();
        assert!(!is_placed(&place, &files));
        commit(&place, &staged).unwrap();
        assert!(is_placed(&place, &files) && !is_placed(&place, &[]));
        for number in 0..3 {
            files[0].content = format!("a = {number}\n");
            assert!(!is_placed(&place, &files));
            commit(&place, &stage(&place, &files).unwrap()).unwrap();
            assert!(is_placed(&place, &files));
        }
        files[0].mode = 0o600;
        assert!(!is_placed(&place, &files));
        // The link, the set that counts and the one before it.
        assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_outside_or_of_nobody_leaves_nothing_behind() {
        let (_directory, place, mut files) = place();
        for bad in ["../x", "/etc/x", "", "a/../../x"] {
            files[0].path = bad.into();
            assert!(matches!(stage(&place, &files), Err(DaemonError::OutsidePath { .. })), "{bad}");
        }
        if command::is_root() {
            files[0].path = "a".into();
            files[0].owner = Some("no-such-account".to_owned());
            assert!(matches!(stage(&place, &files), Err(DaemonError::NoAccount { .. })));
        }
        assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 0);
    }
}
