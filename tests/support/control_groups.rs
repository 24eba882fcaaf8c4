//! Control groups have no namespace: what makes containers looks for what they leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All control groups below `top` that have `mark` in their name.
pub(crate) fn groups(top: &Path, mark: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(top).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name().to_string_lossy().contains(mark) {
            found.push(entry.path());
        } else {
            found.extend(groups(&entry.path(), mark));
        }
    }
    found
}

/// Removes a control group with those below it, however deep; one that is busy stays.
pub(crate) fn remove_group(group: &Path) {
    let _gone_or_busy = Command::new("find").arg(group).args(["-depth", "-type", "d", "-delete"]).status();
}
