//! What a kind of service is, from both sides.

use std::sync::Arc;

use async_trait::async_trait;

use super::manager_side::ManagerKind;
use super::method::{Call, Method, MethodError, Reply};
use crate::config::AgentConfig;
use crate::task::Tasks;

/// A log that a node offers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LogFile {
    /// How callers name it.
    pub filename: &'static str,
    /// What is in it.
    pub description: &'static str,
    /// Where it is, inside the node.
    pub path: &'static str,
}

/// The agent's own log, which every kind offers first.
pub(crate) const AGENT_LOG: LogFile =
    LogFile { filename: "cpsagent.log", description: "agent log", path: "/var/log/cpsagent.log" };

/// One kind of service.
pub(crate) struct Kind {
    /// Its name (`service_type` on the wire).
    pub name: &'static str,
    /// The type of its agents; kinds may share one.
    pub agent_type: &'static str,
    /// Its side in the manager.
    pub manager: &'static dyn ManagerKind,
    /// Makes its side in a node.
    pub agent: fn(&AgentEnvironment) -> Arc<dyn AgentKind>,
}

/// What the agent's side of a kind is given.
#[derive(Clone)]
pub(crate) struct AgentEnvironment {
    /// The node's configuration.
    pub config: Arc<AgentConfig>,
    /// Where it starts its tasks.
    pub tasks: Tasks,
}

/// A kind's side in a node.
#[async_trait]
pub(crate) trait AgentKind: Send + Sync {
    /// Its methods, besides those of every agent.
    fn methods(&self) -> &'static [Method];

    /// The logs that may be read, besides the agent's own. All paths are inside the node.
    fn logs(&self) -> &'static [LogFile];

    /// Called once before the agent listens: takes up what an earlier process left.
    async fn resume(&self) {}

    /// Calls one of [`AgentKind::methods`].
    async fn call(&self, method: &str, call: Call) -> Result<Reply, MethodError>;
}
