//! What a daemon's task is told, and what it tells.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::error::DaemonError;
use super::name::DaemonName;
use super::spec::Daemon;
use super::state::DaemonState;

/// What was done about a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It was as wanted.
    Nothing,
    /// It ran already when its supervisor started, and answers.
    TakenOver,
    /// It was started, and answers.
    Started,
    /// It was told to read its new configuration, and answers.
    Reloaded,
    /// It was stopped and started, and answers.
    Restarted,
    /// It was stopped.
    Stopped,
}

/// How a daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Which one.
    pub name: DaemonName,
    /// Where it stands.
    pub state: DaemonState,
    /// The number of its main process, while it has one.
    pub process: Option<i32>,
    /// How often it ended in a row since it was last well.
    pub n_failures: u32,
    /// Why it is not ready, if something went wrong.
    pub reason: Option<String>,
}

/// Whether a daemon that is stopped is wanted later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The next supervisor starts it again.
    Keep,
    /// All its files are removed.
    Forget,
}

/// What a task is told.
pub(crate) enum Order {
    /// Make it so.
    Converge(Box<Daemon>, Reply),
    /// End it, within this grace if its own is longer.
    Stop(Option<Duration>, Memory, Reply),
}

/// Who is told what was done.
pub(crate) type Reply = oneshot::Sender<Result<Change, DaemonError>>;
