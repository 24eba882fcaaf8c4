//! Archives that strangers made: tar (plain, gzip, bzip2, xz, zstd) and zip.
//!
//! [`format`](mod@format) knows them by their first bytes, [`read_tar`] and [`read_zip`] read them within a
//! [`budget`], [`entry`] checks names, and [`unpack`] writes, while [`outline`] only computes.
//!
//! # Guarantees
//! - Nothing is written outside the directory that was asked for: no absolute
//!   names, no `..`, no links that lead out, nothing through a link.
//! - No device nodes, no pipes, no setuid bits.
//! - A member arrives with its bytes, or the archive is refused with the member's name and the reason.
//! - What [`validate`] takes, [`stage`] takes.
//! - A single directory at the top is left out.
//! - Memory is bounded whatever the archive says; entries, bytes and the
//!   ratio of unpacked to packed bytes are limited.
//! - What [`stage`] unpacked survives a power cut. It lies beside the target; only [`Staged::replace`] changes it.

mod budget;
mod entry;
mod error;
mod format;
mod outline;
mod read_tar;
mod read_zip;
mod sparse;
mod top;
mod unpack;
mod zip_directory;
mod zstd;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use self::budget::Budget;
use self::entry::{Entry, Sort};
pub(crate) use self::error::ArchiveError;
use self::format::Format;
pub(crate) use self::outline::Contents;
use self::outline::Outline;
use self::unpack::{Directory, Sink};
pub(crate) use crate::config::ArchiveLimits;
use crate::sys::file::{self, FileError};

const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a whole archive and checks every member, writing nothing; keeps the beginnings of `scripts`. Blocking.
///
/// # Errors
/// It would not be unpacked.
pub(crate) fn validate(
    archive: &Path,
    limits: &ArchiveLimits,
    scripts: &[&'static str],
) -> Result<Contents, ArchiveError> {
    let mut outline = Outline::new(scripts);
    read(archive, limits, &mut outline)?;
    outline.contents()
}

/// Shows `look` the name and the content of every file in an archive, and writes nothing. Blocking.
///
/// # Errors
/// It would not be unpacked, or `look` says that a content cannot be read.
pub(crate) fn visit(archive: &Path, limits: &ArchiveLimits, look: Look<'_>) -> Result<(), ArchiveError> {
    read(archive, limits, &mut Visitor { look })
}

/// Takes the name and the content of a file.
pub(crate) type Look<'a> = &'a mut dyn FnMut(&Path, &mut dyn Read) -> io::Result<()>;

/// What is not asked for is passed over, unread.
struct Visitor<'a> {
    look: Look<'a>,
}

impl Sink for Visitor<'_> {
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        if entry.sort != Sort::File {
            return Ok(());
        }
        (self.look)(&entry.path, content).map_err(|error| ArchiveError::broken(&entry.path, &error))
    }
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
    let mut directory = Directory::new(staged.path());
    read(archive, limits, &mut directory)?;
    let content = directory.content()?;
    directory.sync()?;
    Ok(Staged { directory: staged, content })
}

/// Reads the whole archive and passes every member to `sink`.
fn read(archive: &Path, limits: &ArchiveLimits, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    let unreadable = |error: io::Error| ArchiveError::Storage(error.to_string());
    let mut file = File::open(archive).map_err(unreadable)?;
    let mut budget = Budget::new(limits, file.metadata().map_err(unreadable)?.len());
    let mut head = Vec::with_capacity(format::HEAD_BYTES);
    (&mut file).take(format::HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    match format::recognise(&head)? {
        Format::Zip => read_zip::read(file, &mut budget, sink),
        Format::Tar(packing) => {
            read_tar::read(BufReader::with_capacity(BUFFER_BYTES, file), packing, &mut budget, sink)
        }
    }
}

/// An archive that is unpacked, but not yet where it should be. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    directory: tempfile::TempDir,
    /// The members: the directory, or the single one in it.
    content: PathBuf,
}

impl Staged {
    /// Returns where the members lie until they are put in their place.
    pub(crate) fn content(&self) -> &Path {
        &self.content
    }

    /// Returns the directory at the archive's top that was left out, if there was one.
    pub(crate) fn left_out(&self) -> Option<&Path> {
        self.content.strip_prefix(self.directory.path()).ok().filter(|top| !top.as_os_str().is_empty())
    }

    /// Puts what was unpacked in the place of `target`. Blocking.
    ///
    /// # Errors
    /// `target` cannot be removed or replaced.
    pub(crate) fn replace(self, target: &Path) -> Result<(), FileError> {
        use std::os::unix::fs::PermissionsExt;
        let fail = |error: io::Error| FileError::new("replace", target, error);
        std::fs::set_permissions(&self.content, std::fs::Permissions::from_mode(0o755)).map_err(fail)?;
        file::ensure_absent(target)?;
        std::fs::rename(&self.content, target).map_err(fail)?;
        if self.left_out().is_none() {
            let _was_moved = self.directory.keep();
        }
        Ok(())
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
