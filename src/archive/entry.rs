//! One member of an archive, its names checked.

use std::path::{Component, Path, PathBuf};

use super::error::{ArchiveError, shown};

/// Longer names do not fit below the directory that they are unpacked to.
const MAX_NAME_BYTES: usize = 2048;
/// What Linux takes as the name of one file.
const MAX_PART_BYTES: usize = 255;
const MAX_LINK_BYTES: usize = 4095;
const MAX_DEPTH: usize = 64;

/// What a member is; names are relative to the archive's top and clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sort {
    File,
    Directory,
    /// Points to this text, relative to the member's directory.
    SymbolicLink(PathBuf),
    /// Is another name of this member.
    HardLink(PathBuf),
}

/// A member, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Clean, relative, not empty.
    pub(crate) path: PathBuf,
    pub(crate) sort: Sort,
    /// Permission bits, without setuid, setgid and sticky.
    pub(crate) mode: u32,
}

impl Entry {
    /// Checks a member's names. `None` is the archive's top itself.
    pub(crate) fn new(name: &Path, sort: Sort, mode: u32) -> Result<Option<Self>, ArchiveError> {
        let path = clean(name)?;
        if path.as_os_str().is_empty() {
            return match sort {
                Sort::Directory => Ok(None),
                _ => Err(ArchiveError::member(name, "has no name; pack the files again")),
            };
        }
        let sort = match sort {
            Sort::SymbolicLink(target) => {
                if ups(&target).is_none_or(|ups| ups > depth(&path)) {
                    return Err(ArchiveError::Link(shown(&path)));
                }
                Sort::SymbolicLink(target)
            }
            Sort::HardLink(target) => match clean(&target) {
                Ok(target) if !target.as_os_str().is_empty() => Sort::HardLink(target),
                _ => return Err(ArchiveError::Link(shown(&path))),
            },
            other => other,
        };
        Ok(Some(Entry { path, sort, mode: mode & 0o777 }))
    }

    /// Returns whether it is a link to the top of the archive or to a neighbour of its first directory.
    pub(crate) fn needs_top(&self) -> bool {
        matches!(&self.sort, Sort::SymbolicLink(target) if ups(target) == Some(depth(&self.path)))
    }
}

/// Returns how many directories a member lies below the top.
fn depth(path: &Path) -> usize {
    path.components().count() - 1
}

/// Returns the name without `.` parts; refuses what is absolute or has `..`.
fn clean(name: &Path) -> Result<PathBuf, ArchiveError> {
    let bytes = name.as_os_str().as_encoded_bytes();
    if bytes.len() > MAX_NAME_BYTES {
        return Err(ArchiveError::member(name, &format!("has a path of more than {MAX_NAME_BYTES} bytes; shorten it")));
    }
    if bytes.contains(&0) {
        return Err(ArchiveError::member(name, "has a name with a zero byte; rename it"));
    }
    if is_of_windows(bytes) {
        return Err(leads_out(name));
    }
    let mut path = PathBuf::new();
    for component in name.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) if part.len() > MAX_PART_BYTES => {
                let reason = format!("has a name of more than {MAX_PART_BYTES} bytes; shorten it");
                return Err(ArchiveError::member(name, &reason));
            }
            Component::Normal(part) => path.push(part),
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return Err(leads_out(name)),
        }
    }
    if path.components().count() > MAX_DEPTH {
        let reason = format!("lies more than {MAX_DEPTH} directories deep; move it up");
        return Err(ArchiveError::member(name, &reason));
    }
    Ok(path)
}

/// Returns the refusal of a member that would lie outside.
pub(super) fn leads_out(name: &Path) -> ArchiveError {
    ArchiveError::Name(format!(
        "'{}' leads out of the archive; pack the files from inside their directory",
        shown(name)
    ))
}

/// Returns whether a name begins with a drive, as `C:` does.
pub(super) fn names_drive(name: &[u8]) -> bool {
    matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Returns whether a name is absolute, or leads up, as Windows writes it.
fn is_of_windows(name: &[u8]) -> bool {
    let leads_up = name.split(|byte| *byte == b'\\' || *byte == b'/').any(|part| part == b"..");
    name.starts_with(b"\\") || leads_up || (names_drive(name) && matches!(name.get(2), None | Some(b'\\' | b'/')))
}

/// Returns how many directories a link goes up, whatever other links there are: it may go up only at its
/// beginning, where the directories are real ones (nothing is written through a link). `None` for one
/// that is absolute, empty, too long, or goes up later.
fn ups(target: &Path) -> Option<usize> {
    let mut ups = 0;
    let mut may_go_up = true;
    for component in target.components() {
        match component {
            Component::RootDir | Component::Prefix(_) => return None,
            Component::CurDir => {}
            Component::ParentDir if may_go_up => ups += 1,
            Component::ParentDir => return None,
            Component::Normal(_) => may_go_up = false,
        }
    }
    let bytes = target.as_os_str().as_encoded_bytes();
    let is_written = !bytes.is_empty() && bytes.len() <= MAX_LINK_BYTES && !bytes.contains(&0);
    is_written.then_some(ups)
}
