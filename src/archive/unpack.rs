//! Writes members below a directory, beside the one that they will replace.
//!
//! Must not know the formats of archives.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::entry::{Entry, Sort};
use super::error::ArchiveError;

/// Takes members one by one.
pub(crate) trait Sink {
    /// Takes one member and reads its content to the end.
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError>;
}

/// Reads members and keeps nothing.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        io::copy(content, &mut io::sink()).map_err(|_| ArchiveError::Format)?;
        Ok(())
    }
}

/// Writes members below a directory that nobody else writes to.
pub(crate) struct Directory {
    top: PathBuf,
}

impl Directory {
    pub(crate) fn new(top: &Path) -> Self {
        Directory { top: top.to_owned() }
    }

    /// Makes the directories above `path`; none of them may be a link.
    fn ensure_parents(&self, path: &Path) -> Result<(), ArchiveError> {
        let mut directory = self.top.clone();
        for part in path.parent().into_iter().flat_map(Path::components) {
            directory.push(part);
            match fs::symlink_metadata(&directory) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(ArchiveError::Link(path.display().to_string())),
                Err(_) => fs::create_dir(&directory).map_err(|error| storage(path, &error))?,
            }
        }
        Ok(())
    }

    fn write(&self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        let place = self.top.join(&entry.path);
        let fail = |error: io::Error| storage(&entry.path, &error);
        // As tar does: of two members with one name the later one stays.
        let found = fs::symlink_metadata(&place).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) != (entry.sort == Sort::Directory) && found.is_some() {
            let removed = if found.is_some_and(|found| found.is_dir()) {
                fs::remove_dir(&place)
            } else {
                fs::remove_file(&place)
            };
            removed.map_err(fail)?;
        } else if found.is_some() && entry.sort != Sort::Directory {
            fs::remove_file(&place).map_err(fail)?;
        }
        match &entry.sort {
            Sort::Directory => {
                if fs::symlink_metadata(&place).is_err() {
                    fs::create_dir(&place).map_err(fail)?;
                }
                // Its owner can always list and change it, or the code could not be replaced.
                fs::set_permissions(&place, Permissions::from_mode(entry.mode | 0o700)).map_err(fail)
            }
            Sort::File => {
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(&place).map_err(fail)?;
                let mut content = Marked { inner: content, failed: false };
                if let Err(error) = io::copy(&mut content, &mut file) {
                    return Err(if content.failed { ArchiveError::Format } else { fail(error) });
                }
                file.set_permissions(Permissions::from_mode(entry.mode | 0o600)).map_err(fail)
            }
            Sort::SymbolicLink(target) => symlink(target, &place).map_err(fail),
            Sort::HardLink(target) => {
                self.ensure_parents(target)?;
                let original = self.top.join(target);
                match fs::symlink_metadata(&original) {
                    Ok(metadata) if metadata.is_file() => fs::hard_link(&original, &place).map_err(fail),
                    _ => Err(ArchiveError::Link(entry.path.display().to_string())),
                }
            }
        }
    }
}

impl Sink for Directory {
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        self.ensure_parents(&entry.path)?;
        self.write(entry, content)
    }
}

/// Tells a failure of the source from one of the target.
struct Marked<'a> {
    inner: &'a mut dyn Read,
    failed: bool,
}

impl Read for Marked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.inner.read(buffer);
        self.failed |= outcome.is_err();
        outcome
    }
}

fn storage(path: &Path, error: &io::Error) -> ArchiveError {
    ArchiveError::Storage(format!("'{}': {error}", path.display()))
}
