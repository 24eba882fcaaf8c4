//! How a kind's programs come on the air by `deploy`.

use std::path::Path;

/// How a kind's programs come on the air by `deploy`.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// The kind.
    pub kind: &'static str,
    /// The manager's method that enables a code version.
    pub enable_method: &'static str,
    /// Says why a directory holds a program of this kind; `None` if it does not.
    pub looks_like: fn(&Path) -> Option<&'static str>,
    /// Where visitors come in.
    pub entry: Entry,
}

/// Where visitors of a service come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// At port 80 of the nodes of this role.
    Site(&'static str),
    /// Where the user's own program listens, which `run.sh` starts.
    Program,
}
