//! Backups that are made by themselves and kept beside the data, on its volume.
//!
//! # Guarantees
//! - A backup has its name once it is complete and was read again; older ones go after that.
//! - What is left of one that was broken off is removed by the next one.
//! - A backup leaves room for the data: it is given up before the volume is full.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::super::schedule;
use super::backup_store::{self, Record};
use super::node::MysqlAgent;
use crate::api::mysql::{BackupOutcome, KeptBackups, Schedule};
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys::{self, pipe};
use crate::task::repeat;

const PAUSE: Duration = Duration::from_secs(5);
/// What failed is tried again after this time, in seconds.
const RETRY_S: i64 = 600;
/// $1 is the socket, $2 the directory of the member, $3 the name, $4 how many KB it may have.
const MAKE: &str = "set -e; cd \"$2\"; mkdir -p -m 700 backups; rm -rf making backups/*.new; mkdir -m 700 making; \
    new=\"backups/$3.new\"; ( trap '' XFSZ; ulimit -f \"$4\"; \
    mariadb-backup --no-defaults --backup --stream=mbstream --user=mysql --socket=\"$1\" --datadir=\"$2/data\" \
    --target-dir=\"$2/making\" | gzip -1 >\"$new\" ) || { rm -rf making \"$new\"; exit 1; }; \
    rm -rf making; gzip -t \"$new\"; sync \"$new\"; mv \"$new\" \"backups/$3.backup\"; sync backups";

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
        backups: backup_store::kept(&member.directory),
        last: backup_store::read_record(&member.directory).last,
    });
    Ok(Reply::of(&kept.await))
}

/// Makes backups when they are due, until `stop`.
pub(super) async fn keep(agent: Arc<MysqlAgent>, stop: CancellationToken) {
    let agent = &agent;
    let look = || async move {
        if let Err(error) = look(agent).await {
            tracing::error!(target: "conpaas.core.agent", "cannot look for backups that are due: {error}");
        }
    };
    repeat::every(PAUSE, stop, look).await;
}

async fn look(agent: &Arc<MysqlAgent>) -> Result<(), MethodError> {
    let wanted = agent.keeper.wanted().await?;
    let (Some(schedule), Some(member)) = (wanted.backup_schedule, wanted.member) else { return Ok(()) };
    let directory = member.directory;
    let (looked_at, now) = (directory.clone(), Utc::now().timestamp());
    let record = sys::blocking(move || backup_store::read_record(&looked_at)).await;
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
        backup_store::write_record(&directory, &Record { done, last })?;
        if done == Some(due) { backup_store::remove_oldest(&directory, schedule.keep) } else { Ok(()) }
    })
    .await
}

async fn make(agent: &Arc<MysqlAgent>, directory: &Path, name: &str) -> Result<u64, MethodError> {
    let room_kb = backup_store::room_bytes(directory)? / 1024;
    let socket = agent.place.socket().display().to_string();
    let words = agent.place.shell(MAKE, &[&socket, &directory.display().to_string(), name, &room_kb.to_string()]);
    let made = pipe::input(&words[0], &words[1..], stream::empty()).await;
    made.map_err(|error| MethodError::refused(error.to_string()))?;
    backup_store::size(directory, name)
}
