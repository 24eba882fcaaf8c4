//! The logs that a node offers to its owner.

use crate::api::manager::LogView;

/// A log that a node offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// How callers name it.
    pub filename: &'static str,
    /// What is in it.
    pub description: &'static str,
    /// Where it is, inside the node.
    pub path: &'static str,
}

impl LogFile {
    /// Returns the log as managers show it.
    #[must_use]
    pub(crate) fn view(&self) -> LogView {
        let LogFile { filename, description, path } = *self;
        LogView { filename: filename.to_owned(), description: description.to_owned(), path: path.to_owned() }
    }
}

/// The agent's own log, which every kind offers first.
pub(crate) const AGENT_LOG: LogFile =
    LogFile { filename: "cpsagent.log", description: "agent log", path: "/var/log/cpsagent.log" };
