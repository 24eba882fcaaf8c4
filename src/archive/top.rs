//! The top of an archive: whether everything lies in one directory there, as in the archives that code hosts make.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::entry::{Entry, Sort};
use super::error::{ArchiveError, shown};

/// What lies in these directories is meant to lie there: a web application in Java may have no page, and a site in PHP nothing
/// but pages.
const MEANT: [&str; 2] = ["WEB-INF", "public"];

/// What is at the top of an archive, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Top {
    /// The first name that was seen there.
    name: Option<OsString>,
    /// Whether that is a directory, and alone.
    is_single: bool,
    /// A link that leads out of it.
    link: Option<PathBuf>,
}

impl Top {
    /// Takes note of a member.
    pub(super) fn note(&mut self, entry: &Entry) {
        let mut parts = entry.path.components();
        let Some(Component::Normal(first)) = parts.next() else { return };
        if is_litter(first) {
            return;
        }
        let is_directory =
            (parts.next().is_some() || entry.sort == Sort::Directory) && !MEANT.iter().any(|name| first == *name);
        match &self.name {
            None => (self.name, self.is_single) = (Some(first.to_owned()), is_directory),
            Some(name) => self.is_single &= is_directory && name == first,
        }
        if entry.needs_top() && self.link.is_none() {
            self.link = Some(entry.path.clone());
        }
        if let Sort::HardLink(target) = &entry.sort
            && !target.starts_with(first)
            && self.link.is_none()
        {
            self.link = Some(entry.path.clone());
        }
    }

    /// Returns the single directory that everything lies in.
    ///
    /// # Errors
    /// A link in it leads out of it.
    pub(super) fn single(&self) -> Result<Option<&Path>, ArchiveError> {
        match (&self.name, &self.link) {
            (Some(_), Some(link)) if self.is_single => Err(ArchiveError::Link(shown(link))),
            (Some(name), None) if self.is_single => Ok(Some(Path::new(name))),
            _ => Ok(None),
        }
    }
}

/// Returns whether a system leaves such a file beside those of its user.
fn is_litter(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name == b"__MACOSX" || name == b".DS_Store" || name.starts_with(b"._")
}
