//! How a manager looks after a service that works: figures, and nodes that died.
//!
//! A kind says by data how its nodes are looked at ([`Care`]). What users set, and what must survive a restart of the
//! manager, is one document of the service ([`CareDocument`]). What is to be done about it
//! is the manager's.
//!
//! Must not know: operations, the director.

mod document;
mod figures;
mod front_door;
mod methods;
mod metrics;

pub(crate) use document::{CareDocument, Healing};
pub(crate) use figures::{NodeState, ask_nodes};
pub(crate) use front_door::{FrontDoor, Health};
pub(crate) use methods::{get_metrics, get_service_performance, set_self_healing};
pub(crate) use metrics::{MetricsOf, render};

/// How nodes of a kind are looked after.
#[derive(Debug)]
pub(crate) struct Care {
    /// The method of agents that tells how much a node does ([`crate::api::figures::NodeFigures`]). A node whose agent
    /// answers it is alive.
    pub figures: &'static str,
    /// The role of the nodes at whose doors visitors come, and the port.
    pub front_door: (&'static str, u16),
}
