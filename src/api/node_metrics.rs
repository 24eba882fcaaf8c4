//! What nodes use: what `get_node_metrics` of managers and agents answers (ours).

use serde::{Deserialize, Serialize};

/// So many points are told of a node: those of a quarter of an hour.
pub(crate) const MAX_POINTS: usize = 90;

/// What a node used during the last minutes, and what there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeMetrics {
    /// The most memory there may be, in bytes.
    pub memory_limit: Option<u64>,
    /// The size of the disk that holds the node's files, in bytes.
    pub disk_size: u64,
    /// Oldest first, one every ten seconds.
    pub points: Vec<NodePoint>,
}

/// What a node used at one moment, or since the moment before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodePoint {
    /// Seconds since 1970.
    pub time: i64,
    /// Time of processors, in percent of one processor.
    pub cpu_percent: u64,
    /// Memory, in bytes.
    pub memory: u64,
    /// Processes and threads, where the kernel tells.
    pub tasks: Option<u64>,
    /// Bytes read from disks, in a second.
    pub read_rate: u64,
    /// Bytes written to disks, in a second.
    pub write_rate: u64,
    /// What is used of the disk, in bytes.
    pub disk_used: u64,
}

/// What the nodes of a service used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceMetrics {
    /// Each node, in the order in which they came.
    pub nodes: Vec<MetricsOfNode>,
}

/// A node, and what it used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetricsOfNode {
    /// The node.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// What it used; nothing if its agent does not answer.
    pub metrics: Option<NodeMetrics>,
}
