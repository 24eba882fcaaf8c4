//! How a manager looks after a service that works: figures, nodes that died, and nodes that come and go by themselves.
//!
//! A kind says by data how its nodes are looked at ([`Care`]). What users set, and what must survive a restart of the
//! manager, is one document of the service ([`CareDocument`]). What is to be done is computed purely ([`scaling`]);
//! the manager does it.
//!
//! Must not know: operations, the director.

mod document;
mod figures;
mod front_door;
mod methods;
mod metrics;
pub(crate) mod scaling;

pub(crate) use document::{CareDocument, Healing};
pub(crate) use figures::{NodeState, ask_nodes};
pub(crate) use front_door::{FrontDoor, Health};
pub(crate) use methods::{
    get_metrics, get_service_performance, is_autoscaling, off_autoscaling, on_autoscaling, set_self_healing,
};
pub(crate) use metrics::{MetricsOf, render};

/// How nodes of a kind are looked after.
#[derive(Debug)]
pub(crate) struct Care {
    /// The method of agents that tells how much a node does ([`crate::api::figures::NodeFigures`]). A node whose agent
    /// answers it is alive.
    pub figures: &'static str,
    /// The role whose nodes come and go with the load.
    pub scaled_role: &'static str,
    /// The role of the nodes at whose doors visitors come, and the port.
    pub front_door: (&'static str, u16),
}
