//! The logs that a node offers to its owner, and how they are read.

use std::path::PathBuf;

use super::call::Call;
use super::error::MethodError;
use crate::api::manager::{LogText, LogView};
use crate::api::params::{ParamError, bad};
use crate::sys::follow::{self, Cursor};
use crate::sys::{blocking, file};

/// Of a log that is asked for whole.
const MAX_BYTES: u64 = 1024 * 1024;
/// Of the end of a log that is followed from now on.
const MAX_BYTES_AT_FIRST: u64 = 64 * 1024;
/// Of what was added to a log that is followed.
const MAX_BYTES_ADDED: u64 = 256 * 1024;
/// Of an answer with a log: JSON spells a byte with six at the most.
pub(crate) const MAX_LOG_ANSWER_BYTES: u64 = 6 * MAX_BYTES + 1024;

/// Which part of a log is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPart {
    /// The newest part, once.
    Whole,
    /// The newest lines, to be followed from then on.
    ToFollow,
    /// What was added.
    Added(Cursor),
}

impl LogPart {
    /// Takes the parameter `cursor`; an empty one is the first of a row of calls.
    ///
    /// # Errors
    /// It is no cursor.
    pub(crate) fn take(call: &mut Call) -> Result<Self, ParamError> {
        const NAME: &str = "cursor";
        match call.params.optional(NAME) {
            None => Ok(LogPart::Whole),
            Some(value) => match value.as_str() {
                Some("") => Ok(LogPart::ToFollow),
                Some(text) => text.parse().map(LogPart::Added).map_err(|problem: String| bad(NAME, &problem)),
                None => Err(bad(NAME, "it is no text")),
            },
        }
    }

    /// Returns the parameter that [`LogPart::take`] understands.
    #[must_use]
    pub(crate) fn parameter(self) -> Option<String> {
        match self {
            LogPart::Whole => None,
            LogPart::ToFollow => Some(String::new()),
            LogPart::Added(cursor) => Some(cursor.to_string()),
        }
    }

    /// Reads this part of a log. A log that is followed may not be there yet.
    ///
    /// # Errors
    /// Returns `unreadable` if the file cannot be read.
    pub(crate) async fn read(self, path: PathBuf, unreadable: MethodError) -> Result<LogText, MethodError> {
        let read = blocking(move || {
            let (cursor, max_bytes) = match self {
                LogPart::Whole => {
                    return file::read_log(&path, MAX_BYTES).map(|log| LogText { log, cursor: None });
                }
                LogPart::ToFollow => (None, MAX_BYTES_AT_FIRST),
                LogPart::Added(cursor) => (Some(cursor), MAX_BYTES_ADDED),
            };
            let (log, cursor) = follow::read_lines(&path, cursor, max_bytes)?;
            Ok(LogText { log, cursor: Some(cursor.to_string()) })
        });
        read.await.map_err(|_| unreadable)
    }
}

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
