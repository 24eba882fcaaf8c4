//! One member of an archive, its names checked.

use std::path::{Component, Path, PathBuf};

use super::error::ArchiveError;

const MAX_NAME_BYTES: usize = 4096;
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
            return Ok(None);
        }
        let sort = match sort {
            Sort::SymbolicLink(target) => {
                let depth = path.components().count() - 1;
                if !stays_inside(&target, depth) {
                    return Err(ArchiveError::Link(path.display().to_string()));
                }
                Sort::SymbolicLink(target)
            }
            Sort::HardLink(target) => match clean(&target) {
                Ok(target) if !target.as_os_str().is_empty() => Sort::HardLink(target),
                _ => return Err(ArchiveError::Link(path.display().to_string())),
            },
            other => other,
        };
        Ok(Some(Entry { path, sort, mode: mode & 0o777 }))
    }
}

/// Returns the name without `.` parts; refuses what is absolute or has `..`.
fn clean(name: &Path) -> Result<PathBuf, ArchiveError> {
    if name.as_os_str().len() > MAX_NAME_BYTES || name.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(ArchiveError::TooLarge("a member's name is too long".to_owned()));
    }
    let mut path = PathBuf::new();
    for component in name.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => path.push(part),
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return Err(ArchiveError::Name),
        }
    }
    if path.components().count() > MAX_DEPTH {
        return Err(ArchiveError::TooLarge(format!("a member lies more than {MAX_DEPTH} directories deep")));
    }
    Ok(path)
}

/// Returns whether a link in a directory `depth` below the top stays inside,
/// whatever other links there are: it may go up only at its beginning, where
/// the directories are real ones (nothing is written through a link).
fn stays_inside(target: &Path, depth: usize) -> bool {
    let mut ups = 0;
    let mut may_go_up = true;
    for component in target.components() {
        match component {
            Component::RootDir | Component::Prefix(_) => return false,
            Component::CurDir => {}
            Component::ParentDir if may_go_up => ups += 1,
            Component::ParentDir => return false,
            Component::Normal(_) => may_go_up = false,
        }
    }
    ups <= depth && !target.as_os_str().is_empty() && target.as_os_str().len() <= MAX_NAME_BYTES
}
