//! Archives that strangers made: tar (plain, gzip, bzip2, xz) and zip.
//!
//! # Guarantees
//! - Nothing is written outside the directory that was asked for: no absolute
//!   names, no `..`, no links that lead out, nothing through a link.
//! - No device nodes, no pipes, no setuid bits.
//! - Memory is bounded whatever the archive says; entries, bytes and the
//!   ratio of unpacked to packed bytes are limited.
//! - [`stage`] unpacks beside the target; only [`Staged::replace`] changes it.

mod entry;
mod error;
mod reader;
mod unpack;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use self::error::ArchiveError;
pub(crate) use crate::config::ArchiveLimits;
use crate::sys::file::{self, FileError};

/// Reads a whole archive and checks every member, writing nothing. Blocking.
///
/// # Errors
/// It would not be unpacked.
pub(crate) fn validate(archive: &Path, limits: &ArchiveLimits) -> Result<(), ArchiveError> {
    reader::read(archive, limits, &mut unpack::Nowhere)
}

/// Unpacks an archive beside `target`, in the same directory. Blocking.
///
/// # Errors
/// It is refused, or the disk is full; nothing is left then.
pub(crate) fn stage(archive: &Path, target: &Path, limits: &ArchiveLimits) -> Result<Staged, ArchiveError> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    file::ensure_directory(parent)?;
    let staged = tempfile::Builder::new()
        .prefix(&staging_prefix(target))
        .tempdir_in(parent)
        .map_err(|error| ArchiveError::Storage(error.to_string()))?;
    reader::read(archive, limits, &mut unpack::Directory::new(staged.path()))?;
    Ok(Staged { directory: staged })
}

/// An archive that is unpacked, but not yet where it should be. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    directory: tempfile::TempDir,
}

impl Staged {
    /// Puts what was unpacked in the place of `target`. Blocking.
    ///
    /// # Errors
    /// `target` cannot be removed or replaced.
    pub(crate) fn replace(self, target: &Path) -> Result<(), FileError> {
        use std::os::unix::fs::PermissionsExt;
        let fail = |error: io::Error| FileError::new("replace", target, error);
        let staged = self.directory.keep();
        let outcome = std::fs::set_permissions(&staged, std::fs::Permissions::from_mode(0o755))
            .map_err(fail)
            .and_then(|()| file::ensure_absent(target))
            .and_then(|()| std::fs::rename(&staged, target).map_err(fail));
        if outcome.is_err() {
            let _best_effort = file::ensure_absent(&staged);
        }
        outcome
    }
}

/// Removes what [`stage`] left beside `target` when the program was killed. Blocking.
pub(crate) fn remove_leftovers(target: &Path) {
    let prefix = staging_prefix(target);
    let entries = target.parent().map(std::fs::read_dir).into_iter().flatten().flatten().flatten();
    let leftovers: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    for leftover in leftovers {
        if let Err(error) = file::ensure_absent(&leftover) {
            tracing::warn!(error = %crate::sys::chain(&error), "a half-unpacked archive cannot be removed");
        }
    }
}

fn staging_prefix(target: &Path) -> String {
    format!(".{}-unpack-", target.file_name().unwrap_or_default().to_string_lossy())
}

#[cfg(test)]
mod tests;
