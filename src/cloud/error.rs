//! Why a cloud does not do what it is asked.
//!
//! A variant exists where a caller or a status of the wire branches on it; all
//! else is told in the text, with what to do about it.

use crate::model::CloudName;

/// Why a cloud did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// No such node.
    #[error("cloud {cloud} has no node {vmid}")]
    NoNode {
        /// The cloud.
        cloud: CloudName,
        /// What was asked for.
        vmid: String,
    },
    /// No such volume.
    #[error("cloud {cloud} has no volume {volume_id}")]
    NoVolume {
        /// The cloud.
        cloud: CloudName,
        /// What was asked for.
        volume_id: String,
    },
    /// A program in the node still uses the volume.
    #[error("volume {volume_id} is busy: a program in its node still uses it")]
    VolumeBusy {
        /// The volume.
        volume_id: String,
    },
    /// Nothing left: addresses, disk, memory, quota.
    #[error("cloud {cloud} has no room left: {what}")]
    Exhausted {
        /// The cloud.
        cloud: CloudName,
        /// What ran out and what to do.
        what: String,
    },
    /// What a node is to be told cannot be made.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The cloud does not answer or its host is not prepared.
    #[error("cloud {cloud} cannot {action}: {reason}")]
    Failed {
        /// The cloud.
        cloud: CloudName,
        /// What was tried on what.
        action: String,
        /// The cloud's own words.
        reason: String,
    },
}

/// Why a node's context cannot be made; what to do about it is in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot prepare the node: {0}")]
pub struct ContextError(pub String);
