//! How a manager looks after a service that works: what its nodes do.
//!
//! A kind says by data how its nodes are looked at ([`Care`]).
//!
//! Must not know: operations, the director.

mod figures;
mod methods;
mod metrics;

pub(crate) use methods::{get_metrics, get_service_performance};
pub(crate) use metrics::{MetricsOf, render};

/// How nodes of a kind are looked after.
#[derive(Debug)]
pub(crate) struct Care {
    /// The method of agents that tells how much a node does ([`crate::api::figures::NodeFigures`]). A node whose agent
    /// answers it is alive.
    pub figures: &'static str,
}
