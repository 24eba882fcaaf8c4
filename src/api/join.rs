//! What a node gets for its one-time token (`POST /ca/join`, which ConPaaS 2.0 does not have).

use serde::{Deserialize, Serialize};

/// The answer to a node that joins: everything it needs but its key, which
/// never left it. May hold secrets of the user: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinView {
    /// Absolute path in the node at which its key belongs.
    pub key_path: String,
    /// The files, in the order in which they are to be written: the last one
    /// says that all are there.
    pub files: Vec<JoinFile>,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinFile {
    /// Absolute path in the node.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its content.
    pub text: String,
}
