//! Writes members below a directory, beside the one that they will replace.
//!
//! Must not know the formats of archives.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::entry::{Entry, Sort};
use super::error::{ArchiveError, shown};
use super::top::Top;

/// So many files are waited for one by one.
const MOST_SYNCED: usize = 100;

/// Takes members one by one.
pub(crate) trait Sink {
    /// Takes one member and reads its content to the end.
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError>;
}

/// Writes members below a directory that nobody else writes to.
pub(crate) struct Directory {
    place: PathBuf,
    top: Top,
    /// Files that were written, as long as they are few.
    written: Vec<PathBuf>,
}

impl Directory {
    pub(crate) fn new(place: &Path) -> Self {
        Directory { place: place.to_owned(), top: Top::default(), written: Vec::new() }
    }

    /// Returns the directory with the members: the single one at the top, if there is one.
    ///
    /// # Errors
    /// A link in it leads out of it.
    pub(crate) fn content(&self) -> Result<PathBuf, ArchiveError> {
        Ok(self.top.single()?.map_or_else(|| self.place.clone(), |top| self.place.join(top)))
    }

    /// Waits until the disk has what was written: file by file, or the whole file system where they are many.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn sync(&self) -> Result<(), ArchiveError> {
        if self.written.len() > MOST_SYNCED {
            let directory = fs::File::open(&self.place).map_err(|error| storage(&self.place, &error))?;
            return rustix::fs::syncfs(directory).map_err(|errno| storage(&self.place, &errno.into()));
        }
        for path in &self.written {
            // A later member may have taken its place.
            if let Ok(file) = fs::File::open(path) {
                file.sync_data().map_err(|error| storage(path, &error))?;
            }
        }
        Ok(())
    }

    /// Makes the directories above `path`; none of them may be a link.
    fn ensure_parents(&self, path: &Path) -> Result<(), ArchiveError> {
        let mut directory = self.place.clone();
        for part in path.parent().into_iter().flat_map(Path::components) {
            directory.push(part);
            match fs::symlink_metadata(&directory) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(through(path)),
                Err(_) => fs::create_dir(&directory).map_err(|error| storage(path, &error))?,
            }
        }
        Ok(())
    }

    fn write(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        let place = self.place.join(&entry.path);
        let fail = |error: io::Error| storage(&entry.path, &error);
        // As tar does: of two members with one name the later one stays.
        let found = fs::symlink_metadata(&place).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) != (entry.sort == Sort::Directory) && found.is_some() {
            if found.is_some_and(|found| found.is_dir()) {
                fs::remove_dir(&place).map_err(|error| match error.kind() {
                    io::ErrorKind::DirectoryNotEmpty => in_place_of_directory(&entry.path),
                    _ => fail(error),
                })?;
            } else {
                fs::remove_file(&place).map_err(fail)?;
            }
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
                    return Err(if content.failed { ArchiveError::broken(&entry.path, &error) } else { fail(error) });
                }
                file.set_permissions(Permissions::from_mode(entry.mode | 0o600)).map_err(fail)?;
                if self.written.len() <= MOST_SYNCED {
                    self.written.push(place);
                }
                Ok(())
            }
            Sort::SymbolicLink(target) => symlink(target, &place).map_err(fail),
            Sort::HardLink(target) => {
                self.ensure_parents(target)?;
                let original = self.place.join(target);
                match fs::symlink_metadata(&original) {
                    Ok(metadata) if metadata.is_file() => fs::hard_link(&original, &place).map_err(fail),
                    _ => Err(to_nothing(&entry.path)),
                }
            }
        }
    }
}

impl Sink for Directory {
    fn put(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
        self.top.note(entry);
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

/// Refuses a member below something that is no directory.
pub(super) fn through(path: &Path) -> ArchiveError {
    ArchiveError::member(path, "lies below a link that leads somewhere, or below a file; pack the files again")
}

/// Refuses a member that would take the place of a directory with files.
pub(super) fn in_place_of_directory(path: &Path) -> ArchiveError {
    ArchiveError::member(path, "has the name of a directory with files; rename one of them")
}

/// Refuses a hard link to something that is no earlier file.
pub(super) fn to_nothing(path: &Path) -> ArchiveError {
    ArchiveError::member(path, "is a hard link to no earlier file of the archive; pack the files again")
}

fn storage(path: &Path, error: &io::Error) -> ArchiveError {
    ArchiveError::Storage(format!("'{}': {error}", shown(path)))
}
