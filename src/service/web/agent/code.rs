//! Code versions of a web node: each in a directory of its own, and a link to the one that is served.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use super::place::Place;
use crate::api::params::bad;
use crate::archive;
use crate::service::code::ReceivedCode;
use crate::service::error::MethodError;
use crate::sys::file::{self, FileError};
use crate::sys::{self, program};

/// A node keeps the version that is served and the one before it, for requests that are under way.
const N_KEPT: usize = 2;
const OWNER_LIMIT: Duration = Duration::from_secs(600);

/// Unpacks a version beside those that are there.
///
/// # Errors
/// Returns an error if the archive is refused or the disk is full; nothing has changed then.
pub(super) async fn take(place: &Place, version: &str, received: &ReceivedCode) -> Result<(), MethodError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !version.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !version.chars().all(is_plain)
        || version == "current"
    {
        return Err(bad("codeVersionId", &format!("'{version}' is no name of a directory")).into());
    }
    let target = place.www.join(version);
    let www = place.www.clone();
    sys::blocking(move || file::ensure_passable_directory(&www)).await?;
    let staged = received.stage(&target).await?;
    let replaced = target.clone();
    sys::blocking(move || staged.replace(&replaced)).await?;
    let Some(account) = &place.account else { return Ok(()) };
    // Programs of the site may write beside their files, as WordPress does.
    let words = ["-RhP".to_owned(), format!("{account}:{account}"), target.display().to_string()];
    program::run("chown", &words, OWNER_LIMIT).await.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    Ok(())
}

/// Makes `version` the one that is served, at one moment. Blocking.
///
/// # Errors
/// Returns an error if the link cannot be made.
pub(super) fn serve(place: &Place, version: &str, document_root: &str) -> Result<(), FileError> {
    let current = place.current();
    let next = place.www.join(".next");
    file::ensure_passable_directory(&place.www)?;
    file::ensure_absent(&next)?;
    let target = format!("{version}{document_root}");
    let fail = |error| FileError::new("link", &current, error);
    symlink(&target, &next).map_err(fail)?;
    std::fs::rename(&next, &current).map_err(fail)
}

/// Returns the part of a version that visitors see: `/public` where a framework keeps its first page there. Blocking.
#[must_use]
pub(super) fn document_root(place: &Place, version: &str) -> &'static str {
    let code = place.www.join(version);
    let has = |path: &str| code.join(path).is_file();
    let is_framework = has("public/index.php") && !has("index.php") && !has("index.html");
    if is_framework { "/public" } else { "" }
}

/// Adds a version to those that a node has; returns the versions that it need not keep.
#[must_use]
pub(super) fn remember(versions: &mut Vec<String>, version: &str, served: Option<&str>) -> Vec<String> {
    versions.retain(|known| known != version);
    versions.push(version.to_owned());
    let n_surplus = versions.len().saturating_sub(N_KEPT);
    let mut dropped = Vec::new();
    for known in versions.iter().take(versions.len() - 1) {
        if dropped.len() < n_surplus && Some(known.as_str()) != served {
            dropped.push(known.clone());
        }
    }
    versions.retain(|known| !dropped.contains(known));
    dropped
}

/// Removes what an unpacking left that was broken off, and versions that are not known. Blocking.
pub(super) fn remove_leftovers(place: &Place, known: &[String]) {
    for version in known {
        archive::remove_leftovers(&place.www.join(version));
    }
    let entries = std::fs::read_dir(&place.www).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path() != place.current()) {
        if !known.iter().any(|version| entry.file_name() == version.as_str()) {
            remove(&entry.path());
        }
    }
}

/// Removes a version; one that cannot be removed now is removed at the next start. Blocking.
pub(super) fn remove(path: &Path) {
    if let Err(error) = file::ensure_absent(path) {
        tracing::warn!("an old code version is left: {}", sys::chain(&error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_served_version_and_the_newest_are_kept() {
        let mut versions = Vec::new();
        assert_eq!(remember(&mut versions, "a", None), Vec::<String>::new());
        assert_eq!(remember(&mut versions, "b", Some("a")), Vec::<String>::new());
        assert_eq!(remember(&mut versions, "c", Some("a")), ["b"]);
        assert_eq!(versions, ["a", "c"]);
        assert_eq!(remember(&mut versions, "d", Some("c")), ["a"]);
        assert_eq!(remember(&mut versions, "d", Some("d")), Vec::<String>::new());
        assert_eq!(versions, ["c", "d"]);
    }
}
