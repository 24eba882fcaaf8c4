//! What a push may bring.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::ArchiveLimits;
use crate::sys::file::{self, FileError};

/// Objects of the repository for each megabyte of the node's memory. Git holds something of each while it packs them for a clone,
/// for which it has half of the memory; it was measured to take half as much.
const OBJECTS_PER_MEGABYTE: u64 = 1000;
/// A small project with its history, and a large one.
const OBJECTS: std::ops::RangeInclusive<u64> = 100_000..=1_000_000;
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
    /// Commits, directories and files of all revisions of the repository.
    pub max_objects: u64,
    /// Bytes of the node's memory.
    pub memory_bytes: u64,
    /// Branches and tags that a push may change.
    pub max_updates: usize,
}

impl Rules {
    /// Returns the rules where archives have these limits, and the node has so much memory.
    #[must_use]
    pub(crate) fn new(archive: &ArchiveLimits, memory_bytes: u64) -> Self {
        let ArchiveLimits { max_entries, max_bytes, max_ratio } = *archive;
        let max_objects = (memory_bytes >> 20).saturating_mul(OBJECTS_PER_MEGABYTE);
        let max_objects = max_objects.clamp(*OBJECTS.start(), *OBJECTS.end());
        Rules { max_bytes, max_entries, max_ratio, max_objects, memory_bytes, max_updates: MAX_UPDATES }
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
    fn a_node_with_more_memory_takes_more_objects() {
        assert_eq!(Rules::new(&ArchiveLimits::default(), 256 << 20).max_objects, 256_000);
        assert_eq!(Rules::new(&ArchiveLimits::default(), 0).max_objects, 100_000);
    }

    #[test]
    fn rules_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.json");
        let rules = Rules::new(&ArchiveLimits::default(), 1 << 30);
        rules.write(&path).unwrap();
        assert_eq!(Rules::read(&path).unwrap(), rules);
        assert_eq!(rules.archive(), ArchiveLimits::default());
        std::fs::write(&path, "{}").unwrap();
        assert!(Rules::read(&path).is_err());
    }
}
