//! The kind `xtreemfs`: shared storage, one directory on many nodes. MooseFS does the work.
//!
//! ```text
//!   manager.rs      the manager's methods           agent/       the node's side
//!   plan.rs         what each node runs
//!   servers.rs      whether they work together, and when one can leave
//!   volumes.rs      volumes and who mounts them
//!   policies.rs     how volumes are kept
//!   labels.rs       which servers have a volume
//!   credentials.rs  certificates, and how a volume is mounted
//!   snapshot.rs     metadata for a time that has passed
//!   takeover.rs     another node has the metadata
//! ```
//!
//! Directory (`dir`) and metadata (`mrc`) are one program here, the master. Further nodes of these roles keep a copy of the
//! metadata, from which one of them takes over. Nodes `osd` have the data.
//!
//! # Guarantees
//! - A node leaves after all that it has is elsewhere.
//! - Metadata begins empty once: a master without the metadata of its service does not start.
//! - Volumes are opened by passwords of their own, and servers by one that no other service has.

mod agent;
mod credentials;
mod labels;
mod manager;
mod plan;
mod policies;
mod ports;
mod roles;
mod servers;
mod settings;
mod snapshot;
mod takeover;
mod volumes;

use crate::service::kind::Kind;

pub(crate) static KIND: Kind =
    Kind { name: "xtreemfs", agent_type: "xtreemfs", manager: &manager::Xtreemfs, agent: agent::make };
