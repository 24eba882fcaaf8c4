//! How much a node of a web service does: what `getFigures` of its agent answers (ours).

use serde::{Deserialize, Serialize};

/// What a node does. A node that plays no role has nothing to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeFigures {
    /// What visitors asked its proxy for.
    pub proxy: Option<ProxyFigures>,
    /// What its program has to do.
    pub backend: Option<BackendFigures>,
}

/// The requests that a proxy answered in the last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProxyFigures {
    /// The time that is told of, in milliseconds; 0 if nothing is known.
    pub window_ms: u64,
    /// Requests in it.
    pub n_requests: u64,
    /// Those of them that failed: status 500 and above.
    pub n_failed: u64,
    /// Bytes of their answers.
    pub n_bytes: u64,
    /// Milliseconds that all of them took together.
    pub total_ms: u64,
    /// Those of them that a backend answered.
    pub n_of_backends: u64,
    /// Milliseconds that these took together.
    pub total_of_backends_ms: u64,
}

/// What a backend has to do at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BackendFigures {
    /// Connections on which requests are, or may be.
    pub n_connections: u64,
    /// Connections that wait to be taken.
    pub n_waiting: u64,
}
