//! Files that are read as a whole only when they are not too large.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No descriptor, page or class is larger; what is may hold anything.
pub(super) const MAX_FILE_BYTES: u64 = 8 << 20;

/// Returns the content of a file that is not too large. Blocking.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= MAX_FILE_BYTES).then_some(content)
}
