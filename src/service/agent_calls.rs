//! Calls to agents, several at a time, each with a limit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::method::MethodError;
use crate::node::NodeCredentials;
use crate::rpc::{Endpoint, RpcCall};
use crate::store::manager::NodeRow;
use crate::sys;

/// Agents called at once; more wait.
const AT_ONCE: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);

/// Calls agents of this application. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Agents {
    credentials: Arc<NodeCredentials>,
    default_port: u16,
}

impl Agents {
    /// Agents that listen on `default_port` unless their node says otherwise.
    #[must_use]
    pub(crate) fn new(credentials: Arc<NodeCredentials>, default_port: u16) -> Self {
        Agents { credentials, default_port }
    }

    /// Calls one agent within a minute.
    ///
    /// # Errors
    /// It names the agent, and why it gave no result.
    pub(crate) async fn call(&self, node: &NodeRow, call: &RpcCall) -> Result<Value, MethodError> {
        self.call_within(LIMIT, node, call).await
    }

    /// Calls one agent within `limit`.
    ///
    /// # Errors
    /// As [`Agents::call`].
    pub(crate) async fn call_within(
        &self,
        limit: Duration,
        node: &NodeRow,
        call: &RpcCall,
    ) -> Result<Value, MethodError> {
        let endpoint = Endpoint { host: node.view.ip.clone(), port: node.view.port.unwrap_or(self.default_port) };
        let client = self.credentials.to_nodes().with_timeout(limit);
        let outcome = client.call(&endpoint, call).await;
        outcome.map_err(|error| {
            let (id, ip) = (&node.view.id, &node.view.ip);
            MethodError::refused(format!("agent {id} ({ip}): {}", sys::chain(&error)))
        })
    }

    /// Calls several agents at once; results come in the order of `nodes`.
    ///
    /// # Errors
    /// All failures in one text; the other agents were called nevertheless.
    pub(crate) async fn call_all(
        &self,
        nodes: &[NodeRow],
        call: impl Fn(&NodeRow) -> RpcCall,
    ) -> Result<Vec<Value>, MethodError> {
        let calls: Vec<(NodeRow, RpcCall)> = nodes.iter().map(|node| (node.clone(), call(node))).collect();
        let running = calls.into_iter().map(|(node, call)| async move { self.call(&node, &call).await });
        let outcomes: Vec<_> = stream::iter(running).buffered(AT_ONCE).collect().await;
        let mut results = Vec::new();
        let mut failures = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(result) => results.push(result),
                Err(error) => failures.push(error.to_string()),
            }
        }
        if failures.is_empty() { Ok(results) } else { Err(MethodError::refused(failures.join("; "))) }
    }
}
