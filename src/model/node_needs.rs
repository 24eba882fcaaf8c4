//! What the programs of a node need beyond what every node has.

/// What the programs of a node need of the machine that it is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeNeeds {
    /// The least memory that they work with, in MB; nodes whose limit is lower get so much. 0 says nothing.
    pub memory_mb: u64,
    /// Whether they mount file systems of their own: they open `/dev/fuse`.
    pub has_fuse: bool,
}
