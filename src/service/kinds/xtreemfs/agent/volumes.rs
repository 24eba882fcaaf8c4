//! Volumes are directories of the whole, which the agent of the master has mounted.
//!
//! A volume that is removed gets another name first, which no client can mount; what it held goes after that, also if the
//! agent is killed meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::xtreemfs::VolumeWish;
use crate::service::error::MethodError;
use crate::sys::file::FileError;
use crate::sys::{self, program, random};

/// What the names of volumes begin with that are being removed; no volume may be called so.
const GONE: &str = ".gone-";
/// What the names of classes begin with that volumes with labels have.
const LABELLED: &str = "labels-";
/// The classes of a volume's files are changed one by one.
const CLASS_LIMIT: Duration = Duration::from_secs(540);
const LIMIT: Duration = Duration::from_secs(30);

/// Makes volumes be as wanted.
///
/// # Errors
/// Returns an error if the master does not do its part.
pub(super) async fn make(all: &Path, wishes: &[VolumeWish]) -> Result<(), MethodError> {
    for wish in wishes {
        let directory = all.join(&wish.name);
        if wish.is_leaving {
            sys::blocking(move || put_away(&directory)).await?;
        } else {
            make_one(&directory, wish).await?;
        }
    }
    Ok(())
}

async fn make_one(directory: &Path, wish: &VolumeWish) -> Result<(), MethodError> {
    let place = directory.to_owned();
    if sys::blocking(move || ensure_directory(&place)).await? {
        // What is removed in a volume is gone, as in any directory.
        run("mfssettrashretention", &["-r", "0"], directory, LIMIT).await?;
    }
    let class = ensure_class(directory, wish).await?;
    let now = run("mfsgetsclass", &[], directory, LIMIT).await?;
    if after_colon(&now) != class {
        run("mfssetsclass", &["-r", &class], directory, CLASS_LIMIT).await?;
    }
    match wish.quota_mb {
        Some(megabytes) => run("mfssetquota", &["-S", &format!("{}", megabytes << 20)], directory, LIMIT).await?,
        None => run("mfsdelquota", &["-S"], directory, LIMIT).await?,
    };
    Ok(())
}

/// Returns the class of a volume's files. The class of a volume with labels is its own, and is made or changed here.
async fn ensure_class(directory: &Path, wish: &VolumeWish) -> Result<String, MethodError> {
    if wish.labels.is_empty() {
        return Ok(wish.copies.to_string());
    }
    let class = format!("{LABELLED}{}", wish.name);
    let place = directory.display().to_string();
    let labels = labels_of_copies(wish);
    let tell = async |tool: &str| program::run(tool, &["-M", &place, "-K", &labels, &class], LIMIT).await;
    if tell("mfsmodifysclass").await.is_err() {
        tell("mfscreatesclass").await.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    }
    Ok(class)
}

/// The label of each copy, as classes are told.
fn labels_of_copies(wish: &VolumeWish) -> String {
    let copies = wish.labels.iter().cycle().take(wish.copies as usize);
    copies.map(String::as_str).collect::<Vec<&str>>().join(",")
}

/// Removes what volumes held that were put away, and the classes that only they had.
///
/// # Errors
/// Returns an error if something stays; it is tried again.
pub(super) async fn sweep(all: &Path, wishes: &[VolumeWish]) -> Result<(), MethodError> {
    let place = all.to_owned();
    let removed = sys::blocking(move || remove_aside(&place)).await?;
    if removed { forget_classes(all, wishes).await } else { Ok(()) }
}

/// Removes what was put away; returns whether there was something. Blocking.
fn remove_aside(all: &Path) -> Result<bool, FileError> {
    let gone = put_aside(all);
    for path in &gone {
        fs::remove_dir_all(path).map_err(|error| FileError::new("remove", path, error))?;
    }
    Ok(!gone.is_empty())
}

async fn forget_classes(all: &Path, wishes: &[VolumeWish]) -> Result<(), MethodError> {
    let place = all.display().to_string();
    let listed = program::run("mfslistsclass", &["-M", &place], LIMIT).await;
    let listed = listed.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    let is_wanted = |class: &&str| wishes.iter().any(|wish| format!("{LABELLED}{}", wish.name) == **class);
    for class in listed.split_whitespace().filter(|word| word.starts_with(LABELLED) && !is_wanted(word)) {
        // What has been removed a moment ago may be in use for a moment.
        if let Err(error) = program::run("mfsdeletesclass", &["-M", &place, class], LIMIT).await {
            tracing::debug!("class {class} stays: {}", sys::chain(&error));
        }
    }
    Ok(())
}

fn put_aside(all: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(GONE)).map(|entry| entry.path()).collect()
}

/// Makes a directory that everybody may write to; returns whether it is new. Blocking.
fn ensure_directory(directory: &Path) -> Result<bool, FileError> {
    let is_new = match fs::create_dir(directory) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(FileError::new("make", directory, error)),
    };
    if is_new {
        let set = fs::set_permissions(directory, fs::Permissions::from_mode(0o777));
        set.map_err(|error| FileError::new("open", directory, error))?;
    }
    Ok(is_new)
}

/// Renames a volume. Blocking.
fn put_away(directory: &Path) -> Result<(), FileError> {
    let gone = directory.with_file_name(format!("{GONE}{}", random::alphanumeric(12)));
    match fs::rename(directory, &gone) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::new("rename", directory, error)),
        _ => Ok(()),
    }
}

async fn run(tool: &str, words: &[&str], directory: &Path, limit: Duration) -> Result<String, MethodError> {
    let path = directory.display().to_string();
    let words: Vec<&str> = words.iter().copied().chain([path.as_str()]).collect();
    let output = program::run(tool, &words, limit).await;
    output.map_err(|error| MethodError::refused(sys::chain(&error)))
}

/// Returns what a tool says of a path: it writes the path, a colon, and that.
fn after_colon(line: &str) -> &str {
    line.trim().rsplit_once(": ").map_or("", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_is_put_away_goes_with_all_that_it_held() {
        let all = tempfile::tempdir().unwrap();
        let volume = all.path().join("pictures");
        assert!(ensure_directory(&volume).unwrap() && !ensure_directory(&volume).unwrap());
        fs::write(volume.join("a"), "x").unwrap();
        put_away(&volume).unwrap();
        put_away(&volume).unwrap();
        assert!(!volume.exists());
        assert_eq!(put_aside(all.path()).len(), 1);
        assert!(remove_aside(all.path()).unwrap() && !remove_aside(all.path()).unwrap());
        assert_eq!(fs::read_dir(all.path()).unwrap().count(), 0);
    }

    #[test]
    fn copies_take_the_labels_of_their_volume_in_turn() {
        let of = |labels: &[&str], copies| {
            labels_of_copies(&VolumeWish {
                name: "pictures".to_owned(),
                password: String::new(),
                clients: "*".to_owned(),
                copies,
                quota_mb: None,
                labels: labels.iter().map(|label| (*label).to_owned()).collect(),
                is_leaving: false,
            })
        };
        assert_eq!(of(&["S"], 2), "S,S");
        assert_eq!(of(&["S", "HA"], 3), "S,HA,S");
        assert_eq!(of(&["S", "H"], 1), "S");
    }

    #[test]
    fn the_class_of_a_volume_is_read() {
        assert_eq!(after_colon("/run/cpsagent/xtreemfs/all/vol1: 2\n"), "2");
        assert_eq!(after_colon("/a: b/vol1: 1"), "1");
        assert_eq!(after_colon(""), "");
    }
}
