//! The bound of what scripts print: set for the director, told to its nodes.

use super::ConfigError;
use super::ini::{Key, Section};
use super::value;

pub(crate) const MAX_SIZE: Key = Key::new("SCRIPT_OUTPUT_MAX_SIZE", "16M");
/// How much is kept unless somebody says otherwise, in bytes.
pub(crate) const DEFAULT_BYTES: u64 = 16 << 20;
/// The smallest bound, in bytes.
const LEAST_BYTES: u64 = 64 << 10;

/// Reads how many bytes of each stream are kept.
pub(crate) fn read(section: &Section<'_>) -> Result<u64, ConfigError> {
    section.value(MAX_SIZE.name, |text| match value::size_bytes(text)? {
        size if size < LEAST_BYTES => Err(format!("'{text}' is too small: write 64K or more")),
        size => Ok(size),
    })
}

/// Returns the line for a node's configuration; none where the bound is the usual one.
pub(crate) fn line(max_bytes: u64) -> Option<(&'static str, String)> {
    (max_bytes != DEFAULT_BYTES).then(|| (MAX_SIZE.name, max_bytes.to_string()))
}
