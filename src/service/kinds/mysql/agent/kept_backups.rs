//! Backups that are made by themselves and kept beside the data, on its volume.
//!
//! # Guarantees
//! - A backup has its name once it is complete and was read again; older ones go after that.
//! - What is left of one that was broken off is removed by the next one.
//! - A backup leaves room for the data: it is given up before the volume is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::schedule;
use super::backup::shell;
use super::node::MysqlAgent;
use crate::api::mysql::{BackupOutcome, KeptBackup, KeptBackups, Schedule};
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys::file::{self, FileError};
use crate::sys::{self, pipe};

const PAUSE: Duration = Duration::from_secs(5);
/// What failed is tried again after this time, in seconds.
const RETRY_S: i64 = 600;
const ENDING: &str = ".backup";
const RECORD: &str = "backups.json";
/// $1 is the socket, $2 the directory of the member, $3 the name, $4 how many KB it may have.
const MAKE: &str = "set -e; cd \"$2\"; mkdir -p -m 700 backups; rm -rf making backups/*.new; mkdir -m 700 making; \
    new=\"backups/$3.new\"; ( trap '' XFSZ; ulimit -f \"$4\"; \
    mariadb-backup --no-defaults --backup --stream=mbstream --user=mysql --socket=\"$1\" --datadir=\"$2/data\" \
    --target-dir=\"$2/making\" | gzip -1 >\"$new\" ) || { rm -rf making \"$new\"; exit 1; }; \
    rm -rf making; gzip -t \"$new\"; sync \"$new\"; mv \"$new\" \"backups/$3.backup\"; sync backups";

/// What is remembered of the last one, also after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    /// For which time one was made.
    done: Option<i64>,
    /// How the last one went.
    last: Option<BackupOutcome>,
}

/// `set_backup_schedule`, `clear_backup_schedule`: `None` is none.
pub(super) async fn set_schedule(agent: Arc<MysqlAgent>, schedule: Option<Schedule>) -> Result<Reply, MethodError> {
    agent.keeper.change(|wanted| wanted.backup_schedule = schedule).await?;
    Ok(Reply::nothing())
}

/// `list_backups`: oldest first.
pub(super) async fn list(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let Some(member) = agent.keeper.wanted().await?.member else { return Ok(Reply::of(&KeptBackups::default())) };
    let kept = sys::blocking(move || KeptBackups {
        backups: kept(&member.directory),
        last: read_record(&member.directory).last,
    });
    Ok(Reply::of(&kept.await))
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

/// Makes backups when they are due, until `stop`.
pub(super) async fn keep(agent: Arc<MysqlAgent>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            looked = look(&agent) => if let Err(error) = looked {
                tracing::error!(target: "conpaas.core.agent", "cannot look for backups that are due: {error}");
            }
        }
    }
}

async fn look(agent: &Arc<MysqlAgent>) -> Result<(), MethodError> {
    let wanted = agent.keeper.wanted().await?;
    let (Some(schedule), Some(member)) = (wanted.backup_schedule, wanted.member) else { return Ok(()) };
    let directory = member.directory;
    let (looked_at, now) = (directory.clone(), Utc::now().timestamp());
    let record = sys::blocking(move || read_record(&looked_at)).await;
    let Some(due) = schedule::due(&schedule, record.done, now) else { return Ok(()) };
    let failed = record.last.as_ref().filter(|last| last.due == due && last.error.is_some());
    if failed.is_some_and(|failed| (0..RETRY_S).contains(&(now - failed.at)))
        || !agent.observer.is_serving(&agent.place).await
    {
        return Ok(());
    }
    let name = DateTime::from_timestamp(now, 0).unwrap_or_default().format("%Y%m%d-%H%M%S").to_string();
    let made = make(agent, &directory, &name).await;
    let (error, size) = match made {
        Ok(size) => (None, size),
        Err(error) => (Some(error.to_string()), 0),
    };
    tracing::info!(target: "conpaas.core.agent", name, error, "a backup was made as scheduled");
    let done = if error.is_none() { Some(due) } else { record.done };
    let last = Some(BackupOutcome { name, due, at: Utc::now().timestamp(), size, error });
    sys::blocking(move || {
        write_record(&directory, &Record { done, last })?;
        if done == Some(due) { remove_oldest(&directory, schedule.keep) } else { Ok(()) }
    })
    .await
}

async fn make(agent: &Arc<MysqlAgent>, directory: &Path, name: &str) -> Result<u64, MethodError> {
    let room_kb = room_bytes(directory)? / 1024;
    let socket = agent.place.socket().display().to_string();
    let words = shell(&agent.place, MAKE, &[&socket, &directory.display().to_string(), name, &room_kb.to_string()]);
    let made = pipe::input(&words[0], &words[1..], stream::empty()).await;
    made.map_err(|error| MethodError::refused(error.to_string()))?;
    let path = place(directory).join(format!("{name}{ENDING}"));
    let found = std::fs::metadata(&path).map_err(|error| FileError::new("read", &path, error))?;
    Ok(found.len())
}

/// Returns what a backup may take: what is free, but for a part that the data may need.
fn room_bytes(directory: &Path) -> Result<u64, MethodError> {
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

fn place(directory: &Path) -> PathBuf {
    directory.join("backups")
}

/// Blocking. Oldest first: names are times.
fn kept(directory: &Path) -> Vec<KeptBackup> {
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
fn remove_oldest(directory: &Path, keep: u32) -> Result<(), MethodError> {
    let kept = kept(directory);
    let n_left = usize::try_from(keep).unwrap_or(usize::MAX);
    for backup in &kept[..kept.len().saturating_sub(n_left)] {
        file::ensure_absent(&place(directory).join(format!("{}{ENDING}", backup.name)))?;
    }
    Ok(())
}

/// Blocking. A record that is damaged or missing has one more made, which harms nobody.
fn read_record(directory: &Path) -> Record {
    let text = file::read(&directory.join(RECORD)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Blocking.
fn write_record(directory: &Path, record: &Record) -> Result<(), MethodError> {
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
