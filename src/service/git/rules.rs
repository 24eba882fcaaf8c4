//! What a push may bring.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::ArchiveLimits;
use crate::sys::file::{self, FileError};

/// Objects of one push: a large project with its whole history has as many.
const MAX_OBJECTS: u64 = 500_000;
/// Branches and tags that one push may change.
const MAX_UPDATES: usize = 100;

/// What a push may bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// Bytes of a push as it comes, and of a service's code when it is unpacked.
    pub max_bytes: u64,
    /// Files and directories of a service's code.
    pub max_entries: usize,
    /// As for archives.
    pub max_ratio: u64,
    /// Commits, directories and files of all revisions of a push.
    pub max_objects: u64,
    /// Branches and tags that a push may change.
    pub max_updates: usize,
}

impl Rules {
    /// Returns the rules where archives have these limits.
    #[must_use]
    pub(crate) fn new(archive: &ArchiveLimits) -> Self {
        let ArchiveLimits { max_entries, max_bytes, max_ratio } = *archive;
        Rules { max_bytes, max_entries, max_ratio, max_objects: MAX_OBJECTS, max_updates: MAX_UPDATES }
    }

    /// Reads them. Blocking.
    ///
    /// # Errors
    /// The file is missing or no such document.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let text = file::read_text(path)?;
        serde_json::from_str(&text).map_err(|error| FileError::new("understand", path, error.into()))
    }

    /// Writes them, for everybody to read. Blocking.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn write(&self, path: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string(self).map_err(|error| FileError::new("write", path, error.into()))?;
        file::write_atomic(path, text.as_bytes(), 0o644)
    }

    /// Returns the limits of the archive that a service's code becomes.
    #[must_use]
    pub(crate) fn archive(&self) -> ArchiveLimits {
        ArchiveLimits { max_entries: self.max_entries, max_bytes: self.max_bytes, max_ratio: self.max_ratio }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.json");
        let rules = Rules::new(&ArchiveLimits::default());
        rules.write(&path).unwrap();
        assert_eq!(Rules::read(&path).unwrap(), rules);
        assert_eq!(rules.archive(), ArchiveLimits::default());
        std::fs::write(&path, "{}").unwrap();
        assert!(Rules::read(&path).is_err());
    }
}
