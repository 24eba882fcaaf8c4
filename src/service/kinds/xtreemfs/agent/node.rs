//! What the agent of a node holds on to.

use std::sync::Arc;

use super::cluster::Observer;
use super::keeper::Keeper;
use crate::service::agent_side::AgentEnvironment;
use crate::service::volume::mount::Volumes;

/// The agent of a node.
pub(super) struct XtreemfsAgent {
    pub keeper: Arc<Keeper>,
    pub observer: Observer,
    pub volumes: Volumes,
    pub environment: AgentEnvironment,
}
