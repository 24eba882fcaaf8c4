//! Why an archive is refused, in the words that callers print.

use crate::sys::file::FileError;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is none of the known formats, or broken. Upstream's text.
    #[error("Invalid archive format")]
    Format,
    /// A member's name is absolute or has `..`. Upstream's text.
    #[error("Absolute file names are not allowed in archive members")]
    Name,
    /// A member is a link that leads out of the archive.
    #[error("Archive member '{0}' is a link that leads out of the archive")]
    Link(String),
    /// A member is no file, no directory and no link.
    #[error("Archive member '{0}' is neither a file, a directory nor a link")]
    Sort(String),
    /// Too many, too large, or blown up.
    #[error("Archive is too large: {0}")]
    TooLarge(String),
    /// It cannot be unpacked here.
    #[error("cannot unpack the archive: {0}")]
    Storage(String),
}

impl From<FileError> for ArchiveError {
    fn from(error: FileError) -> Self {
        ArchiveError::Storage(crate::sys::chain(&error))
    }
}
