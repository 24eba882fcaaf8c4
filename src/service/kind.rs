//! What a kind of service is, from both sides.

use std::sync::Arc;

use super::agent_side::{AgentEnvironment, AgentKind};
use super::error::MethodError;
use super::manager_side::ManagerKind;

/// One kind of service.
pub(crate) struct Kind {
    /// Its name (`service_type` on the wire).
    pub name: &'static str,
    /// The type of its agents; kinds may share one.
    pub agent_type: &'static str,
    /// Its side in the manager.
    pub manager: &'static dyn ManagerKind,
    /// Makes its side in a node; an error keeps the agent from starting. Blocking.
    pub agent: fn(&AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError>,
}
