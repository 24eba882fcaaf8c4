//! What managers and agents of mysql services answer (`docs/reference/manager-api.md` §5.3,
//! `docs/reference/agent-api.md` §6).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::manager::LogView;

/// An agent's `getLoad`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The mean length of the queue of changes that wait to be made.
    pub load: String,
    /// Statements since the start of the server (ours).
    #[serde(default)]
    pub updates: String,
    /// Statements since the start of the server (ours).
    #[serde(default)]
    pub selects: String,
    /// Statements since the start of the server (ours).
    #[serde(default)]
    pub deletes: String,
    /// Statements since the start of the server (ours).
    #[serde(default)]
    pub inserts: String,
}

/// `getMeanLoad`: what each node says, as texts, and the means of that.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeanLoad {
    pub inserts: Vec<String>,
    pub mean_select: f64,
    pub updates: Vec<String>,
    pub mean_load: f64,
    pub mean_delete: f64,
    pub loads: Vec<String>,
    pub selects: Vec<String>,
    pub mean_update: f64,
    pub mean_insert: f64,
    pub deletes: Vec<String>,
}

/// `get_node_info`, in the order of ConPaaS 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseNodeInfo {
    /// The node.
    #[serde(rename = "serviceNode")]
    pub node: DatabaseNode,
}

/// A node of a mysql service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseNode {
    /// The logs that may be read; the agent's own is the first.
    pub logs: Vec<LogView>,
    /// Its address.
    pub ip: String,
    /// Whether it has data.
    #[serde(rename = "isNode")]
    pub has_data: bool,
    /// The cloud's id.
    pub vmid: String,
    /// Whether it passes connections on.
    #[serde(rename = "isGlb_node")]
    pub is_balancer: bool,
    /// Its role in the service.
    pub role: String,
    /// `<cloud><vmid>`.
    pub id: String,
    /// The internal name of the cloud.
    pub cloud: String,
}

/// `load_dump_piece`, `restore_piece` (ours): which node takes the pieces of a dump or a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakingNode {
    /// Its id.
    pub node: String,
}

/// `getGangliaParams`: an exit code and XML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GangliaParams {
    /// 0 and the text.
    #[serde(rename = "Ganglia")]
    pub ganglia: (i32, String),
}

/// What a machine is doing: an agent's `get_figures` (ours).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Percent of the time that processors had nothing to do.
    pub cpu_idle: f64,
    /// In KB.
    pub mem_total: u64,
    /// In KB.
    pub mem_free: u64,
    /// In GB.
    pub disk_total: f64,
    /// In GB.
    pub disk_free: f64,
    /// Bytes a second.
    pub bytes_in: f64,
    /// Bytes a second.
    pub bytes_out: f64,
    /// Packets a second.
    pub pkts_in: f64,
    /// Packets a second.
    pub pkts_out: f64,
}

/// A member of a cluster: an agent's `get_member_state` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberState {
    /// Where it stands.
    pub stage: Stage,
    /// Whether it has data of its own.
    pub has_data: bool,
    /// How far its data is, if that is known.
    pub position: Option<Position>,
    /// Whether it may go on by itself with others that it remembers: its server runs, and does not wait for whoever serves.
    pub remembers_others: bool,
    /// Whether its server begins the cluster, and is not ready yet.
    #[serde(default)]
    pub begins: bool,
    /// For how long it has not served, in seconds.
    pub waits_s: u64,
    /// For how long the server that runs now has not served, in seconds.
    #[serde(default)]
    pub searches_s: u64,
    /// Whether it has found members that serve, and gets from them what it lacks.
    #[serde(default)]
    pub gets_data: bool,
    /// How often its server ended in a row.
    pub n_failures: u32,
    /// Why it is not ready, if something went wrong.
    pub reason: Option<String>,
    /// How the last backup went that was made by itself at this node.
    #[serde(default)]
    pub last_backup: Option<BackupOutcome>,
}

/// A member as the manager shows it: one of `get_members` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberView {
    /// Its node.
    pub id: String,
    /// The node's address.
    pub ip: String,
    /// Where it stands; null if it does not answer.
    pub stage: Option<Stage>,
    /// How far its data is, if that is known.
    pub position: Option<Position>,
    /// Why it is not ready, if something went wrong.
    pub reason: Option<String>,
}

/// The last backup that was put in the place of all data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// How often that was done; data of before gives way.
    pub number: u64,
    /// The address of the member that had the backup; empty if there never was one.
    pub at: String,
}

/// When backups are made by themselves, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// How often.
    pub every: Every,
    /// When in that time: of an hour the minute counts, and weeks begin on Sunday.
    pub at: TimeOfDay,
    /// How many are kept.
    pub keep: u32,
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Every {
    Hour,
    Day,
    Week,
}

/// A time of day, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// How a backup went that was made by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupOutcome {
    /// Its name.
    pub name: String,
    /// The time for which it was made, in seconds since 1970.
    pub due: i64,
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// In bytes; 0 if it failed.
    pub size: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// A backup that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptBackup {
    /// Its name: when it was made, in UTC.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// An agent's `list_backups` (ours).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptBackups {
    /// Oldest first.
    pub backups: Vec<KeptBackup>,
    /// How the last one went.
    pub last: Option<BackupOutcome>,
}

/// A backup of `list_backups` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupView {
    /// Its name: when it was made, in UTC.
    pub name: String,
    /// The node on whose volume it is.
    pub node: String,
    /// In bytes.
    pub size: u64,
}

/// The manager's `list_backups` (ours).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupsView {
    /// When they are made, if they are.
    pub schedule: Option<Schedule>,
    /// Oldest first.
    pub backups: Vec<BackupView>,
    /// How the last one went.
    pub last: Option<BackupOutcome>,
}

impl Every {
    /// All of them, by their names.
    pub(crate) const ALL: [(&'static str, Every); 3] =
        [("hour", Every::Hour), ("day", Every::Day), ("week", Every::Week)];
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{}' is no time of day, such as 03:00", text.escape_debug());
        let is_time = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        let (hour, minute) = text.split_once(':').filter(|_| is_time).ok_or_else(wrong)?;
        let number = |text: &str, most: u8| text.parse().ok().filter(|number| *number < most).ok_or_else(wrong);
        Ok(TimeOfDay { hour: number(hour, 24)?, minute: number(minute, 60)? })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// It is not to run.
    Absent,
    /// Its server starts, gets the data of another one, or waits for others.
    Joining,
    /// Its server runs, and refuses to serve: too few others are there.
    Alone,
    /// It serves, and gives its data to another member or catches up.
    Busy,
    /// It serves.
    Synced,
}

impl Stage {
    /// Returns whether clients are served.
    #[must_use]
    pub(crate) fn is_serving(self) -> bool {
        matches!(self, Stage::Busy | Stage::Synced)
    }
}

/// How far data is: a history and the number of its last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Position {
    /// Which history.
    pub history: String,
    /// The number of the last change; -1 before the first.
    pub change: i64,
}

impl Position {
    /// Returns whether it is a place in a history at all.
    #[must_use]
    pub(crate) fn is_known(&self) -> bool {
        self.history.chars().any(|c| c != '0' && c != '-')
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{}' is no position", text.escape_debug());
        let (history, change) = text.trim().split_once(':').ok_or_else(wrong)?;
        let is_history = history.len() == 36 && history.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        // Behind a comma stands the domain of a server id, which says nothing of the order.
        let change = change.split(',').next().and_then(|change| change.parse().ok()).ok_or_else(wrong)?;
        if is_history { Ok(Position { history: history.to_owned(), change }) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Position {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> String {
        position.to_string()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.history, self.change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_and_shown_and_anything_else_is_refused() {
        let text = "e4b3f1c2-0000-11ef-8d2a-0242ac110002:17";
        let position: Position = text.parse().unwrap();
        assert_eq!((position.change, position.to_string().as_str()), (17, text));
        assert!(position.is_known());
        assert_eq!(format!("{text},0-1-5").parse::<Position>().unwrap(), position);
        let none: Position = "00000000-0000-0000-0000-000000000000:-1".parse().unwrap();
        assert!(!none.is_known());
        for wrong in ["", "x:1", "e4b3f1c2-0000-11ef-8d2a-0242ac110002", "e4b3f1c2-0000-11ef-8d2a-0242ac110002:x"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_day_is_read_and_shown_and_anything_else_is_refused() {
        assert_eq!("03:05".parse::<TimeOfDay>().unwrap().to_string(), "03:05");
        for wrong in ["", "3:00", "24:00", "23:60", "-1:00", "+3:00", "03:00\n", "aa:bb", "03;00", "0:300"] {
            assert!(wrong.parse::<TimeOfDay>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_mean_load_has_the_names_of_the_old_frontend() {
        let text = serde_json::to_string(&MeanLoad { loads: vec!["0.5".to_owned()], ..MeanLoad::default() }).unwrap();
        assert!(
            text.starts_with(
                r#"{"inserts":[],"meanSelect":0.0,"updates":[],"meanLoad":0.0,"meanDelete":0.0,"loads":["0.5"]"#
            ),
            "{text}"
        );
    }
}
