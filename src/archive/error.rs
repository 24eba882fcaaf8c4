//! Why an archive is refused, in the words that callers print.

use std::path::Path;

use crate::sys::file::FileError;

/// Longest name in a text, in characters.
const MAX_SHOWN: usize = 200;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is none of the known formats, or broken. Upstream's text, then what it is instead.
    #[error("Invalid archive format: {0}")]
    Format(String),
    /// A member's name leads out of the archive. Upstream's text, then the name.
    #[error("Absolute file names are not allowed in archive members: {0}")]
    Name(String),
    /// A member is a link that leads out of the archive.
    #[error("Archive member '{0}' is a link that leads out of the archive; put a copy of the file in its place")]
    Link(String),
    /// A member that cannot be unpacked: its name, and what is to be done.
    #[error("Archive member '{0}' {1}")]
    Member(String, String),
    /// Too many, too large, or blown up.
    #[error("Archive is too large: {0}")]
    TooLarge(String),
    /// It cannot be unpacked here.
    #[error("cannot unpack the archive: {0}")]
    Storage(String),
}

impl ArchiveError {
    /// Refuses a member for a reason that goes on after its name.
    pub(super) fn member(path: &Path, reason: &str) -> Self {
        ArchiveError::Member(shown(path), reason.to_owned())
    }

    /// Names a member whose content cannot be read.
    pub(super) fn broken(path: &Path, error: &std::io::Error) -> Self {
        let name = shown(path);
        ArchiveError::Format(match error.kind() {
            std::io::ErrorKind::UnexpectedEof => format!("it is cut off in member '{name}'; upload it again"),
            _ => format!("its member '{name}' is broken: {error}"),
        })
    }
}

impl From<FileError> for ArchiveError {
    fn from(error: FileError) -> Self {
        ArchiveError::Storage(crate::sys::chain(&error))
    }
}

/// Returns a name as it may stand in a text: one line, not too long.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
