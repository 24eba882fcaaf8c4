//! A command that is run in a node: `exec`, `exec_input`, `exec_resize`, `exec_output` and `exec_stop`, the same at manager
//! and agent (ours).

use serde::{Deserialize, Serialize};

/// `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExecStarted {
    /// By which its output is asked for.
    pub exec_id: String,
}

/// The window of who gives a command a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terminal {
    /// How many characters a line has.
    pub columns: u16,
    /// How many lines there are.
    pub rows: u16,
    /// What it understands, as in `TERM`.
    pub kind: String,
}

/// `exec_input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExecTaken {
    /// How many bytes the command has room for; the others come again.
    pub taken: usize,
}

/// `exec_output`: what the command said behind the cursors, and how it ended once all was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExecOutput {
    /// Bytes of its standard output, in base64.
    pub stdout: String,
    /// Bytes of its standard error, in base64.
    pub stderr: String,
    /// From where the next call goes on.
    pub stdout_cursor: String,
    /// From where the next call goes on.
    pub stderr_cursor: String,
    /// The code that it ended with, negative for the signal that killed it; absent while it runs or more is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it was ended, if it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
