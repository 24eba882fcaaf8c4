//! Backups that are kept beside the data of a member, and what is remembered of the last one. Everything here blocks, but what
//! is `async`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::api::mysql::{BackupOutcome, KeptBackup};
use crate::service::error::MethodError;
use crate::sys;
use crate::sys::file::{self, FileError};

const ENDING: &str = ".backup";
const RECORD: &str = "backups.json";

/// What is remembered of the last one, also after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// For which time one was made.
    pub done: Option<i64>,
    /// How the last one went.
    pub last: Option<BackupOutcome>,
}

/// Returns the file of a backup that is kept here.
///
/// # Errors
/// There is none of this name.
pub(super) async fn find(directory: &Path, name: &str) -> Result<PathBuf, MethodError> {
    let (directory, name) = (directory.to_owned(), name.to_owned());
    sys::blocking(move || {
        let is_kept = kept(&directory).iter().any(|backup| backup.name == name);
        let missing = || MethodError::refused(format!("there is no backup '{}' here", name.escape_debug()));
        if is_kept { Ok(place(&directory).join(format!("{name}{ENDING}"))) } else { Err(missing()) }
    })
    .await
}

/// Returns how the last one went.
pub(super) async fn last(directory: &Path) -> Option<BackupOutcome> {
    let directory = directory.to_owned();
    sys::blocking(move || read_record(&directory).last).await
}

/// Returns what a backup may take: what is free, but for a part that the data may need.
pub(super) fn room_bytes(directory: &Path) -> Result<u64, MethodError> {
    let (free, total) = (file::free_bytes(directory)?, file::total_bytes(directory)?);
    let reserve = total / 8;
    let room = free.saturating_sub(reserve);
    if room < 1024 * 1024 {
        let mb = |bytes: u64| bytes >> 20;
        return Err(MethodError::refused(format!(
            "the volume has {} MB free, and {} MB of that are left for the data: keep fewer backups, or take a larger volume",
            mb(free),
            mb(reserve)
        )));
    }
    Ok(room)
}

/// Returns how large a backup is.
pub(super) fn size(directory: &Path, name: &str) -> Result<u64, MethodError> {
    let path = place(directory).join(format!("{name}{ENDING}"));
    let found = std::fs::metadata(&path).map_err(|error| FileError::new("read", &path, error))?;
    Ok(found.len())
}

fn place(directory: &Path) -> PathBuf {
    directory.join("backups")
}

/// Blocking. Oldest first: names are times.
pub(super) fn kept(directory: &Path) -> Vec<KeptBackup> {
    let entries = std::fs::read_dir(place(directory)).into_iter().flatten().flatten();
    let mut kept: Vec<KeptBackup> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_suffix(ENDING)?.to_owned();
            Some(KeptBackup { name, size: entry.metadata().ok()?.len() })
        })
        .collect();
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    kept
}

/// Blocking.
pub(super) fn remove_oldest(directory: &Path, keep: u32) -> Result<(), MethodError> {
    let kept = kept(directory);
    let n_left = usize::try_from(keep).unwrap_or(usize::MAX);
    for backup in &kept[..kept.len().saturating_sub(n_left)] {
        file::ensure_absent(&place(directory).join(format!("{}{ENDING}", backup.name)))?;
    }
    Ok(())
}

/// Blocking. A record that is damaged or missing has one more made, which harms nobody.
pub(super) fn read_record(directory: &Path) -> Record {
    let text = file::read(&directory.join(RECORD)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Blocking.
pub(super) fn write_record(directory: &Path, record: &Record) -> Result<(), MethodError> {
    let text = serde_json::to_vec(record).expect("numbers and texts are plain data");
    Ok(file::write_atomic(&directory.join(RECORD), &text, 0o600)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ones_are_kept_and_what_has_no_name_yet_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let names = |directory: &Path| kept(directory).into_iter().map(|kept| kept.name).collect::<Vec<_>>();
        assert!(names(directory.path()).is_empty());
        std::fs::create_dir(place(directory.path())).unwrap();
        for name in
            ["20261130-030000.backup", "20261128-030000.backup", "20261129-030000.backup", "20261201-030000.new"]
        {
            std::fs::write(place(directory.path()).join(name), "x").unwrap();
        }
        remove_oldest(directory.path(), 2).unwrap();
        assert_eq!(names(directory.path()), ["20261129-030000", "20261130-030000"]);
        remove_oldest(directory.path(), 7).unwrap();
        assert_eq!(kept(directory.path()).len(), 2);
    }

    #[test]
    fn a_damaged_record_is_none() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_record(directory.path()).done, None);
        write_record(directory.path(), &Record { done: Some(7), last: None }).unwrap();
        assert_eq!(read_record(directory.path()).done, Some(7));
        std::fs::write(directory.path().join(RECORD), "{").unwrap();
        assert_eq!(read_record(directory.path()).done, None);
    }

    #[tokio::test]
    async fn only_a_backup_that_is_there_is_found() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(place(directory.path())).unwrap();
        std::fs::write(place(directory.path()).join("a.backup"), "x").unwrap();
        assert!(find(directory.path(), "a").await.is_ok());
        for name in ["b", "../backups/a", "", "a\n", "a.backup"] {
            assert!(find(directory.path(), name).await.is_err(), "{name:?}");
        }
    }
}
