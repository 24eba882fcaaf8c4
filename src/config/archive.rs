//! Bounds of the archives that users upload: set for the director, told to its nodes.

use super::ConfigError;
use super::ini::{Key, Section};
use super::value;

/// Bounds of one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Members, directories included.
    pub max_entries: usize,
    /// Bytes of all members, unpacked.
    pub max_bytes: u64,
    /// Unpacked bytes for each packed byte, looked at beyond the first 16 MB.
    pub max_ratio: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        ArchiveLimits { max_entries: 20_000, max_bytes: 2 * 1024 * 1024 * 1024, max_ratio: 250 }
    }
}

pub(crate) const MAX_ENTRIES: Key = Key::new("ARCHIVE_MAX_ENTRIES", "20000");
pub(crate) const MAX_SIZE: Key = Key::new("ARCHIVE_MAX_SIZE", "2G");
pub(crate) const MAX_RATIO: Key = Key::new("ARCHIVE_MAX_RATIO", "250");

impl ArchiveLimits {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(ArchiveLimits {
            max_entries: section.value(MAX_ENTRIES.name, value::whole(1..=10_000_000))? as usize,
            max_bytes: section.value(MAX_SIZE.name, value::size_bytes)?,
            max_ratio: u64::from(section.value(MAX_RATIO.name, value::whole(2..=1_000_000))?),
        })
    }

    /// Returns the lines for a node's configuration; none where the limits are the usual ones.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        if *self == ArchiveLimits::default() {
            return Vec::new();
        }
        vec![
            (MAX_ENTRIES.name, self.max_entries.to_string()),
            (MAX_SIZE.name, self.max_bytes.to_string()),
            (MAX_RATIO.name, self.max_ratio.to_string()),
        ]
    }
}
