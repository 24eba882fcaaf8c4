//! The kind `mysql`: a cluster of MariaDB servers that replicate by Galera, and balancers in front of it.
//!
//! ```text
//!   manager.rs    the manager's methods             agent/         the node's side
//!   plan.rs       what each node runs
//!   cluster.rs    who begins a cluster again
//!   links.rs      accounts of services that are linked to it
//!   recovery.rs   what goes on without a member that says nothing
//! ```
//!
//! # Guarantees
//! - A cluster is begun by one member, and by another one only after all members said how far their data is.
//! - No text of a caller becomes SQL but through `agent/sql.rs`.

mod agent;
mod backups;
mod changes;
mod cluster;
mod dump;
mod figures;
mod links;
mod manager;
mod methods;
mod performance;
mod pieces;
mod plan;
mod ports;
mod recovery;
mod roles;
mod schedule;
mod settings;
mod variables;

use crate::service::kind::Kind;

pub(crate) static KIND: Kind =
    Kind { name: "mysql", agent_type: "mysql", manager: &manager::Mysql, agent: agent::make };
