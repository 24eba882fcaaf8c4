//! Code versions of a web node: each in a directory of its own, and a link to the one that is served.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::Place;
use crate::api::params::bad;
use crate::archive;
use crate::config::ArchiveLimits;
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
    put(place, staged, target).await
}

/// Unpacks the `.war` file of a version, if nothing else lies at its top, in the version's place: so it is pushed with git.
///
/// # Errors
/// Returns an error if the archive is refused or the disk is full.
pub(super) async fn unpack_lone_war(place: &Place, version: &str, limits: ArchiveLimits) -> Result<(), MethodError> {
    let target = place.www.join(version);
    let staged = sys::blocking({
        let target = target.clone();
        move || match lone_war(&target) {
            Some(war) => archive::stage(&war, &target, &limits).map(Some),
            None => Ok(None),
        }
    });
    match staged.await.map_err(MethodError::invalid)? {
        Some(staged) => put(place, staged, target).await,
        None => Ok(()),
    }
}

fn lone_war(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let [only] = <[PathBuf; 1]>::try_from(entries.take(2).collect::<Vec<_>>()).ok()?;
    let is_war = only.extension().is_some_and(|end| end.eq_ignore_ascii_case("war")) && only.is_file();
    is_war.then_some(only)
}

async fn put(place: &Place, staged: archive::Staged, target: PathBuf) -> Result<(), MethodError> {
    let replaced = target.clone();
    sys::blocking(move || staged.replace(&replaced)).await?;
    let Some(account) = &place.account else { return Ok(()) };
    // Programs of the site may write beside their files, as WordPress does.
    let words = ["-RhP".to_owned(), format!("{account}:{account}"), target.display().to_string()];
    program::run("chown", &words, OWNER_LIMIT).await.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    Ok(())
}

/// Makes `version` the one that the link `current` leads to, at one moment. Blocking.
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

/// Returns the part of a version that visitors see: what is wanted, or `/public` where a framework keeps its first page
/// there. Blocking.
///
/// # Errors
/// Returns an error if the version does not have what is wanted.
pub(super) fn document_root<'a>(place: &Place, version: &str, wanted: Option<&'a str>) -> Result<&'a str, MethodError> {
    let code = place.www.join(version);
    if let Some(root) = wanted.filter(|_| !version.is_empty()) {
        let root = root.trim_end_matches('/');
        if code.join(root.trim_start_matches('/')).is_dir() {
            return Ok(root);
        }
        return Err(MethodError::refused(format!(
            "code version '{version}' has no directory '{}', which is set as the document root",
            root.trim_start_matches('/')
        )));
    }
    Ok(if is_in_public(&code) { "/public" } else { "" })
}

/// Returns whether what visitors are to see is in `public`: as frameworks have it, or since nothing else is there.
fn is_in_public(code: &Path) -> bool {
    let has = |path: &str| code.join(path).is_file();
    let has_page = has("index.php") || has("index.html");
    !has_page && (has("public/index.php") || has_only(code, "public"))
}

/// Returns whether a directory holds one with this name, and nothing else.
fn has_only(directory: &Path, name: &str) -> bool {
    let Ok(mut entries) = std::fs::read_dir(directory) else { return false };
    directory.join(name).is_dir() && entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == name))
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
    fn one_war_alone_is_unpacked_and_one_among_others_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let war = directory.path().join("shop.WAR");
        assert_eq!(lone_war(directory.path()), None);
        std::fs::write(&war, b"x").unwrap();
        assert_eq!(lone_war(directory.path()), Some(war));
        std::fs::write(directory.path().join("index.html"), b"x").unwrap();
        assert_eq!(lone_war(directory.path()), None);
    }

    #[test]
    fn visitors_see_what_is_public() {
        let directory = tempfile::tempdir().unwrap();
        let code = directory.path();
        let write = |name: &str| std::fs::write(code.join(name), b"x").unwrap();
        assert!(!is_in_public(code));
        std::fs::create_dir(code.join("public")).unwrap();
        write("public/index.html");
        assert!(is_in_public(code));
        write("notes.txt");
        assert!(!is_in_public(code));
        write("public/index.php");
        assert!(is_in_public(code));
        write("index.html");
        assert!(!is_in_public(code));
    }

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
