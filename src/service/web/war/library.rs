//! The libraries of a web application: `.jar` files below `WEB-INF/lib`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::bounded::MAX_FILE_BYTES;
use super::class;
use super::traits::Traits;
use crate::archive::{self, ArchiveLimits};

/// All classes of all libraries; more are not read.
const MAX_BYTES: u64 = 512 << 20;

/// Returns what all libraries in a directory tell; one that cannot be read as a whole may hold anything. Blocking.
pub(super) fn traits_of(directory: &Path, limits: &ArchiveLimits) -> Traits {
    let mut found = Traits::default();
    let mut budget = MAX_BYTES;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|end| end != "jar") {
            continue;
        }
        let mut look = |name: &Path, content: &mut dyn Read| look(name, content, &mut budget, &mut found);
        if archive::visit(&path, limits, &mut look).is_err() {
            found.is_opaque = true;
        }
    }
    found
}

/// Takes what a member of a library tells.
fn look(name: &Path, content: &mut dyn Read, budget: &mut u64, found: &mut Traits) -> io::Result<()> {
    let is_initializer = name.to_string_lossy().ends_with("ServletContainerInitializer");
    if is_initializer || name == Path::new("META-INF/web-fragment.xml") {
        found.is_opaque = true;
    }
    if name.extension().is_none_or(|end| end != "class") {
        return Ok(());
    }
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES.min(*budget);
    content.take(limit + 1).read_to_end(&mut bytes)?;
    let n_bytes = bytes.len() as u64;
    *budget = budget.saturating_sub(n_bytes);
    match class::constants(&bytes).filter(|_| n_bytes <= limit) {
        Some(constants) => found.add_class(&constants),
        None => found.is_opaque = true,
    }
    Ok(())
}
