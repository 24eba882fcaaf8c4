//! Calls to agents, several at a time, each with a limit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;

use super::error::MethodError;
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

    /// Calls one agent within a minute; `IgnoredAny` reads the answer of a method that has nothing to say.
    ///
    /// # Errors
    /// It names the agent, and why it gave no result that can be read.
    pub(crate) async fn call<T: DeserializeOwned>(&self, node: &NodeRow, call: &RpcCall) -> Result<T, MethodError> {
        self.call_within(LIMIT, node, call).await
    }

    /// Calls one agent within `limit`.
    ///
    /// # Errors
    /// As [`Agents::call`].
    pub(crate) async fn call_within<T: DeserializeOwned>(
        &self,
        limit: Duration,
        node: &NodeRow,
        call: &RpcCall,
    ) -> Result<T, MethodError> {
        let endpoint = Endpoint { host: node.view.ip.clone(), port: node.view.port.unwrap_or(self.default_port) };
        let client = self.credentials.to_nodes().with_timeout(limit);
        let (id, ip) = (&node.view.id, &node.view.ip);
        let answer = client.call(&endpoint, call).await;
        let answer =
            answer.map_err(|error| MethodError::refused(format!("agent {id} ({ip}): {}", sys::chain(&error))))?;
        serde_json::from_value(answer).map_err(|error| {
            MethodError::refused(format!("agent {id} ({ip}): its answer cannot be understood: {error}"))
        })
    }

    /// Calls several agents at once; results come in the order of `nodes`.
    ///
    /// # Errors
    /// All failures in one text; the other agents were called nevertheless.
    pub(crate) async fn call_all<T: DeserializeOwned>(
        &self,
        nodes: &[NodeRow],
        call: impl Fn(&NodeRow) -> RpcCall,
    ) -> Result<Vec<T>, MethodError> {
        self.call_many(LIMIT, AT_ONCE, nodes, call).await
    }

    /// Calls several agents, each within `limit`, and `at_once` of them at the same time.
    ///
    /// # Errors
    /// As [`Agents::call_all`].
    pub(crate) async fn call_many<T: DeserializeOwned>(
        &self,
        limit: Duration,
        at_once: usize,
        nodes: &[NodeRow],
        call: impl Fn(&NodeRow) -> RpcCall,
    ) -> Result<Vec<T>, MethodError> {
        let calls: Vec<(NodeRow, RpcCall)> = nodes.iter().map(|node| (node.clone(), call(node))).collect();
        let running = calls.into_iter().map(|(node, call)| async move { self.call_within(limit, &node, &call).await });
        let outcomes: Vec<_> = stream::iter(running).buffered(at_once).collect().await;
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
