//! How the member of this node stands: what its server says, or what is known of one that does not answer.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::backup_store;
use super::place::Place;
use super::sql;
use crate::api::mysql::{Load, MemberState, Position, Stage};
use crate::supervise::daemon::DaemonStatus;
use crate::sys;
use crate::sys::process;

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
    /// The server that was there at the last look, and since when it has looked for others.
    server: std::sync::Mutex<Option<(i32, Instant)>>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    server: Option<Server>,
    stage: Stage,
    is_in_greater_part: bool,
    position: Option<Position>,
    /// Since when it has not served.
    waits_since: Option<Instant>,
}

impl Observer {
    pub(super) fn new() -> Self {
        Observer { last: Mutex::new(None), server: std::sync::Mutex::new(None) }
    }

    /// Returns whether clients are served now.
    pub(super) async fn is_serving(&self, place: &Place) -> bool {
        self.look(place).await.stage.is_serving()
    }

    /// Returns whether the server answers, but has lost the others.
    pub(super) async fn has_lost_others(&self, place: &Place) -> bool {
        self.look(place).await.stage == Stage::Alone
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
        let waits_s = seen.waits_since.map_or(0, |since| since.elapsed().as_secs());
        let gets_data = seen.is_in_greater_part || noted.is_receiving;
        let searches_s = self.searches_s(process, gets_data || noted.intent == Some(Intent::Wait));
        MemberState {
            stage: seen.stage,
            has_data: noted.has_data,
            position: seen.position.or(noted.position),
            remembers_others: noted.remembers_others,
            begins: noted.intent == Some(Intent::Begin),
            waits_s,
            searches_s: waits_s.min(searches_s),
            gets_data,
            n_failures: status.map_or(0, |status| status.n_failures),
            reason: status.and_then(|status| status.reason.clone()),
            last_backup: backup_store::last(directory).await,
        }
    }

    /// Returns for how long this process has looked for others, as far as this agent knows; it does not while it gets data
    /// or waits.
    fn searches_s(&self, process: Option<i32>, is_busy: bool) -> u64 {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let known = server.filter(|(known, _)| Some(*known) == process && !is_busy);
        let since = known.map_or_else(Instant::now, |(_, since)| since);
        *server = process.map(|process| (process, since));
        since.elapsed().as_secs()
    }

    async fn look(&self, place: &Place) -> Seen {
        let mut last = self.last.lock().await;
        let server = Server::of(place).await;
        // A server that was just started is not what the one before it was.
        let is_fresh = |at: &Instant, seen: &Seen| at.elapsed() < FRESH && seen.server == server;
        if let Some((_, seen)) = last.as_ref().filter(|(at, seen)| is_fresh(at, seen)) {
            return seen.clone();
        }
        let answer = sql::run(&place.socket(), STATUS, ANSWER_LIMIT).await;
        let is_in_greater_part = answer.as_ref().is_ok_and(|rows| is_in_greater_part(&pairs(rows)));
        let (stage, position) = answer.map_or((Stage::Joining, None), |rows| stage_of(&pairs(&rows)));
        let before = last.as_ref().and_then(|(_, seen)| seen.waits_since);
        let waits_since = (!stage.is_serving()).then(|| before.unwrap_or_else(Instant::now));
        let seen = Seen { server, stage, is_in_greater_part, position, waits_since };
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

/// What disk and processes tell of a member.
struct Noted {
    has_data: bool,
    position: Option<Position>,
    remembers_others: bool,
    is_receiving: bool,
    intent: Option<Intent>,
}

impl Noted {
    /// Blocking.
    fn read(data: &Path, position: &Path, process: Option<i32>) -> Self {
        let started = Started::read(position).filter(|started| Some(started.process) == process);
        let intent = started.as_ref().map(|started| started.intent);
        Noted {
            has_data: has_data(data),
            position: started.and_then(|started| started.position),
            // A server that was started may be with others of whom nobody here knows; one that waits is with nobody.
            remembers_others: intent.is_some_and(|intent| intent != Intent::Wait),
            intent,
            is_receiving: is_receiving(),
        }
    }
}

/// Returns whether there is data, and all of it: what of another member's data was copied before that ended is none.
/// Blocking.
fn has_data(data: &Path) -> bool {
    data.join("ibdata1").exists() && !data.join(".sst").exists()
}

/// Returns whether a program of this node takes the data of another member, or waits for it. Blocking.
fn is_receiving() -> bool {
    let has = |words: &[u8], word: &[u8]| words.windows(word.len()).any(|found| found == word);
    !process::find("cmdline", |words| has(words, b"wsrep_sst_") && has(words, b"joiner")).is_empty()
}

/// What the program that starts the server has noted.
pub(super) struct Started {
    /// The number of the server's process.
    pub process: i32,
    /// How far the data was.
    pub position: Option<Position>,
    /// What it is about to do.
    pub intent: Intent,
}

/// What the start of a server is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// It waits until another one serves, or until it is to begin.
    Wait,
    /// It begins the cluster.
    Begin,
    /// It joins those who serve.
    Join,
}

impl Started {
    /// Returns what was noted last; an earlier start may have done it. Blocking.
    pub(super) fn read(file: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let mut words = text.split_whitespace();
        let process = words.next()?.parse().ok()?;
        let position = words.next().and_then(|word| word.parse().ok());
        let intent = match words.next() {
            Some("waits") => Intent::Wait,
            Some("begins") => Intent::Begin,
            _ => Intent::Join,
        };
        Some(Started { process, position, intent })
    }
}

fn absent() -> MemberState {
    MemberState {
        stage: Stage::Absent,
        has_data: false,
        position: None,
        remembers_others: false,
        begins: false,
        waits_s: 0,
        searches_s: 0,
        gets_data: false,
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
    let stage = match (is_in_greater_part(values), value("wsrep_local_state"), value("wsrep_ready")) {
        (false, ..) => Stage::Alone,
        (true, "4", "ON") => Stage::Synced,
        (true, "2" | "3", "ON") => Stage::Busy,
        (true, ..) => Stage::Joining,
    };
    (stage, position.parse().ok().filter(Position::is_known))
}

fn is_in_greater_part(values: &BTreeMap<&str, &str>) -> bool {
    values.get("wsrep_cluster_status") == Some(&"Primary")
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
        let data = directory.path();
        assert!(!has_data(data));
        std::fs::write(data.join("ibdata1"), "x").unwrap();
        assert!(has_data(data));
        std::fs::write(data.join("sst_in_progress"), "").unwrap();
        assert!(has_data(data), "a transfer may end before it has touched anything");
        std::fs::create_dir(data.join(".sst")).unwrap();
        assert!(!has_data(data));
    }

    #[test]
    fn what_was_noted_is_of_one_start() {
        let directory = tempfile::tempdir().unwrap();
        let (data, file) = (directory.path().join("data"), directory.path().join("position"));
        let change = |process| Noted::read(&data, &file, process).position.map(|position| position.change);
        assert_eq!(change(Some(71)), None);
        std::fs::write(&file, format!("71 {HISTORY}:9 \n")).unwrap();
        assert_eq!((change(Some(71)), change(None), change(Some(72))), (Some(9), None, None));
        assert_eq!(Started::read(&file).unwrap().intent, Intent::Join);
        for (word, intent) in [("begins", Intent::Begin), ("waits", Intent::Wait)] {
            std::fs::write(&file, format!("71 - {word}\n")).unwrap();
            assert_eq!(change(Some(71)), None);
            assert_eq!(Started::read(&file).unwrap().intent, intent);
        }
    }
}
