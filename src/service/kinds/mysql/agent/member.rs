//! How the member of this node stands: what its server says, or what is known of one that does not answer.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::backup_store;
use super::place::Place;
use super::sql;
use crate::api::mysql::{Load, MemberState, Position, Stage};
use crate::supervise::daemon::DaemonStatus;
use crate::sys;

/// A server that does not answer in this time does not serve.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// What was asked so lately is not asked again: whoever asks costs a bounded part of the node.
const FRESH: Duration = Duration::from_secs(1);
/// GLOBAL: statements of all clients are meant.
const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state', \
                      'wsrep_cluster_state_uuid', 'wsrep_last_committed', 'wsrep_ready');";
const LOAD: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_recv_queue_avg', 'Com_update', \
                    'Com_select', 'Com_delete', 'Com_insert');";

/// Asks the server of this node.
pub(super) struct Observer {
    last: Mutex<Option<(Instant, Seen)>>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    server: Option<Server>,
    stage: Stage,
    position: Option<Position>,
    /// Since when it has not served.
    waits_since: Option<Instant>,
}

impl Observer {
    pub(super) fn new() -> Self {
        Observer { last: Mutex::new(None) }
    }

    /// Returns whether clients are served now.
    pub(super) async fn is_serving(&self, place: &Place) -> bool {
        self.look(place).await.stage.is_serving()
    }

    /// Returns how the member stands whose data is in `directory`; `None` means that none is wanted.
    pub(super) async fn state(
        &self,
        place: &Place,
        directory: Option<&Path>,
        status: Option<&DaemonStatus>,
    ) -> MemberState {
        let Some(directory) = directory else { return absent() };
        let seen = self.look(place).await;
        let process = status.and_then(|status| status.process);
        let (data, position_file) = (directory.join("data"), place.position());
        let noted = sys::blocking(move || Noted::read(&data, &position_file, process)).await;
        MemberState {
            stage: seen.stage,
            has_data: noted.has_data,
            position: seen.position.or(noted.position),
            remembers_others: noted.remembers_others,
            waits_s: seen.waits_since.map_or(0, |since| since.elapsed().as_secs()),
            n_failures: status.map_or(0, |status| status.n_failures),
            reason: status.and_then(|status| status.reason.clone()),
            last_backup: backup_store::last(directory).await,
        }
    }

    async fn look(&self, place: &Place) -> Seen {
        let mut last = self.last.lock().await;
        let server = Server::of(place).await;
        // A server that was just started is not what the one before it was.
        let is_fresh = |at: &Instant, seen: &Seen| at.elapsed() < FRESH && seen.server == server;
        if let Some((_, seen)) = last.as_ref().filter(|(at, seen)| is_fresh(at, seen)) {
            return seen.clone();
        }
        let (stage, position) = match sql::run(&place.socket(), STATUS, ANSWER_LIMIT).await {
            Ok(rows) => stage_of(&pairs(&rows)),
            Err(_) => (Stage::Joining, None),
        };
        let before = last.as_ref().and_then(|(_, seen)| seen.waits_since);
        let waits_since = (!stage.is_serving()).then(|| before.unwrap_or_else(Instant::now));
        let seen = Seen { server, stage, position, waits_since };
        *last = Some((Instant::now(), seen.clone()));
        seen
    }
}

/// One server, known by its socket: each makes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Server {
    inode: u64,
    made: (i64, i64),
}

impl Server {
    /// Returns the server that has the place's socket; `None` if there is no such file.
    async fn of(place: &Place) -> Option<Server> {
        let socket = place.socket();
        let file = sys::blocking(move || std::fs::symlink_metadata(socket)).await.ok()?;
        Some(Server { inode: file.ino(), made: (file.ctime(), file.ctime_nsec()) })
    }
}

/// Returns the figures of the server of this node.
///
/// # Errors
/// Returns the last words of the client if nobody answers.
pub(super) async fn load(place: &Place) -> Result<Load, String> {
    let rows = sql::run(&place.socket(), LOAD, sql::LIMIT).await?;
    let values = pairs(&rows);
    let value = |name: &str| values.get(name).copied().unwrap_or("0").to_owned();
    Ok(Load {
        load: value("wsrep_local_recv_queue_avg"),
        updates: value("Com_update"),
        selects: value("Com_select"),
        deletes: value("Com_delete"),
        inserts: value("Com_insert"),
    })
}

/// What the disk tells of a member.
struct Noted {
    has_data: bool,
    position: Option<Position>,
    remembers_others: bool,
}

impl Noted {
    /// Blocking.
    fn read(data: &Path, position: &Path, process: Option<i32>) -> Self {
        // Data that another member had begun to send is no data.
        let has_data = data.join("ibdata1").exists() && !data.join("sst_in_progress").exists();
        // An earlier start noted where the data was then.
        let noted = std::fs::read_to_string(position).unwrap_or_default();
        let of_process = noted.trim().split_once(' ').filter(|(pid, _)| pid.parse().ok() == process);
        Noted {
            has_data,
            position: of_process.and_then(|(_, position)| position.parse().ok()),
            remembers_others: data.join("gvwstate.dat").exists(),
        }
    }
}

fn absent() -> MemberState {
    MemberState {
        stage: Stage::Absent,
        has_data: false,
        position: None,
        remembers_others: false,
        waits_s: 0,
        n_failures: 0,
        reason: None,
        last_backup: None,
    }
}

fn pairs(rows: &str) -> BTreeMap<&str, &str> {
    rows.lines().filter_map(|line| line.split_once('\t')).collect()
}

fn stage_of(values: &BTreeMap<&str, &str>) -> (Stage, Option<Position>) {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let position = format!("{}:{}", value("wsrep_cluster_state_uuid"), value("wsrep_last_committed"));
    let is_primary = value("wsrep_cluster_status") == "Primary";
    let stage = match (is_primary, value("wsrep_local_state"), value("wsrep_ready")) {
        (false, ..) => Stage::Alone,
        (true, "4", "ON") => Stage::Synced,
        (true, "2" | "3", "ON") => Stage::Busy,
        (true, ..) => Stage::Joining,
    };
    (stage, position.parse().ok().filter(Position::is_known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str = "e4b3f1c2-0000-11ef-8d2a-0242ac110002";

    fn stage(status: &str, state: &str, ready: &str) -> (Stage, Option<i64>) {
        let rows = format!(
            "wsrep_cluster_state_uuid\t{HISTORY}\nwsrep_cluster_status\t{status}\nwsrep_last_committed\t7\n\
             wsrep_local_state\t{state}\nwsrep_ready\t{ready}\n"
        );
        let (stage, position) = stage_of(&pairs(&rows));
        (stage, position.map(|position| position.change))
    }

    #[test]
    fn only_a_member_of_the_greater_part_serves() {
        assert_eq!(stage("Primary", "4", "ON"), (Stage::Synced, Some(7)));
        assert_eq!(stage("Primary", "2", "ON"), (Stage::Busy, Some(7)));
        assert_eq!(stage("Primary", "1", "OFF"), (Stage::Joining, Some(7)));
        assert_eq!(stage("non-Primary", "0", "OFF"), (Stage::Alone, Some(7)));
        assert_eq!(stage_of(&pairs("")), (Stage::Alone, None));
    }

    #[test]
    fn half_of_the_data_of_another_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let (data, position) = (directory.path().join("data"), directory.path().join("position"));
        std::fs::create_dir(&data).unwrap();
        let noted = |process| Noted::read(&data, &position, process);
        assert!(!noted(None).has_data);
        std::fs::write(data.join("ibdata1"), "x").unwrap();
        std::fs::write(&position, format!("71 {HISTORY}:9\n")).unwrap();
        let change = |process| noted(process).position.map(|position| position.change);
        assert_eq!((noted(None).has_data, change(Some(71))), (true, Some(9)));
        assert_eq!((change(None), change(Some(72))), (None, None), "it is of another start");
        std::fs::write(data.join("sst_in_progress"), "").unwrap();
        assert!(!noted(None).has_data);
    }
}
