//! A kind's side in a node.

use std::sync::Arc;

use async_trait::async_trait;

use super::log_file::LogFile;
use super::method::BoundMethod;
use crate::config::AgentConfig;
use crate::task::Tasks;

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
    /// Returns its methods, besides those of every agent: its table, bound to itself.
    fn methods(self: Arc<Self>) -> Vec<BoundMethod>;

    /// Returns the logs that may be read, besides the agent's own. All paths are inside the node.
    fn logs(&self) -> &'static [LogFile];

    /// Takes up what an earlier process left; called once, before the agent listens.
    async fn resume(self: Arc<Self>) {}
}
