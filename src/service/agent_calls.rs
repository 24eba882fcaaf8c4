//! Calls to agents, several at a time, each with a limit.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;

use super::error::MethodError;
use crate::node::NodeCredentials;
use crate::rpc::{CallError, ClientError, Endpoint, RpcCall, Streamed};
use crate::store::manager::NodeRow;
use crate::sys;
use crate::sys::excerpt::excerpt;
use crate::sys::pipe::ByteStream;

/// Agents called at once; more wait.
const AT_ONCE: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);
const MAX_REASON_CHARS: usize = 1000;
const MAX_FAILURES_TOLD: usize = 8;
/// How long a step waits for an agent that was killed to be there again.
const PATIENCE: Duration = Duration::from_secs(20);
/// An agent that works for longer than [`LIMIT`] is asked so often whether it is there.
const PROBE_PAUSE: Duration = Duration::from_secs(10);
/// A node that is short of everything may take its time for an answer.
const PROBE_LIMIT: Duration = Duration::from_secs(15);
/// An agent that leaves so many in a row unanswered hangs.
const PROBES_MISSED: u32 = 3;

/// Calls agents of this application. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Agents {
    credentials: Arc<NodeCredentials>,
    default_port: u16,
    patience: Duration,
}

impl Agents {
    /// Agents that listen on `default_port` unless their node says otherwise.
    #[must_use]
    pub(crate) fn new(credentials: Arc<NodeCredentials>, default_port: u16) -> Self {
        Agents { credentials, default_port, patience: Duration::ZERO }
    }

    /// The same for steps that may be repeated: an agent that is gone is asked
    /// again for a while, since what keeps it starts it again.
    #[must_use]
    pub(crate) fn patient(&self) -> Self {
        Agents { patience: PATIENCE, ..self.clone() }
    }

    /// Calls one agent within a minute; `IgnoredAny` reads the answer of a method that has nothing to say.
    ///
    /// # Errors
    /// It names the agent, and why it gave no result that can be read.
    pub(crate) async fn call<T: DeserializeOwned>(&self, node: &NodeRow, call: &RpcCall) -> Result<T, MethodError> {
        self.call_within(LIMIT, node, call).await
    }

    /// Calls one agent within `limit`. One that hangs is given up earlier.
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
        let client = self.credentials.to_agents().with_timeout(limit);
        let (id, ip) = (&node.view.id, &node.view.ip);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_factor(2.0)
            .with_total_delay(Some(self.patience))
            .without_max_times();
        let is_gone = |error: &CallError| {
            matches!(error, CallError::Client(ClientError::Connect { .. } | ClientError::Broken { .. }))
        };
        let again = |error: &CallError, pause: Duration| {
            tracing::warn!(
                node.id = id,
                pause_ms = pause.as_millis() as u64,
                "asking an agent again: {}",
                reason_of(error)
            );
        };
        let asked = async || {
            if limit <= LIMIT {
                return client.call(&endpoint, call).await;
            }
            tokio::select! {
                answer = client.call(&endpoint, call) => answer,
                silent = self.silence(&endpoint) => Err(silent.into()),
            }
        };
        let answer = match self.patience {
            Duration::ZERO => asked().await,
            _ => asked.retry(backoff).when(is_gone).notify(again).await,
        };
        let answer =
            answer.map_err(|error| MethodError::refused(format!("agent {id} ({ip}): {}", reason_of(&error))))?;
        serde_json::from_value(answer).map_err(|error| {
            let reason = excerpt(&error.to_string(), MAX_REASON_CHARS);
            MethodError::refused(format!("agent {id} ({ip}): its answer cannot be understood: {reason}"))
        })
    }

    /// Returns when an agent hangs: it does not even say that it is there.
    async fn silence(&self, endpoint: &Endpoint) -> ClientError {
        let client = self.credentials.to_agents().with_timeout(PROBE_LIMIT);
        let probe = RpcCall::get(0, "check_process");
        let mut n_missed = 0;
        while n_missed < PROBES_MISSED {
            tokio::time::sleep(PROBE_PAUSE).await;
            match client.call(endpoint, &probe).await {
                Err(CallError::Client(_)) => n_missed += 1,
                _ => n_missed = 0,
            }
        }
        ClientError::Timeout { endpoint: endpoint.clone(), limit: (PROBE_PAUSE + PROBE_LIMIT) * PROBES_MISSED }
    }

    /// Calls an agent that answers with a file of any size, and returns that as it comes.
    ///
    /// # Errors
    /// As [`Agents::call`], up to the first byte of the file.
    pub(crate) async fn stream(&self, node: &NodeRow, call: &RpcCall) -> Result<ByteStream, MethodError> {
        let endpoint = Endpoint { host: node.view.ip.clone(), port: node.view.port.unwrap_or(self.default_port) };
        let client = self.credentials.to_agents().with_timeout(LIMIT);
        let (id, ip) = (&node.view.id, &node.view.ip);
        match client.call_to_stream(&endpoint, call).await {
            Ok(Streamed::Stream(stream)) => Ok(stream),
            Ok(Streamed::Result(_)) => {
                Err(MethodError::refused(format!("agent {id} ({ip}): it answers without a file")))
            }
            Err(CallError::Remote(text)) => Err(MethodError::refused(excerpt(&text, MAX_REASON_CHARS))),
            Err(error) => Err(MethodError::refused(format!("agent {id} ({ip}): {}", reason_of(&error)))),
        }
    }

    /// Calls several agents at once; results come in the order of `nodes`.
    ///
    /// # Errors
    /// The failures in one text; the other agents were called nevertheless.
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
        if failures.is_empty() { Ok(results) } else { Err(MethodError::refused(summary(&failures))) }
    }
}

/// An agent's own words go into the service's history, which is kept.
fn reason_of(error: &CallError) -> String {
    excerpt(&sys::chain(error), MAX_REASON_CHARS)
}

fn summary(failures: &[String]) -> String {
    let told = failures.iter().take(MAX_FAILURES_TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    match failures.len().saturating_sub(MAX_FAILURES_TOLD) {
        0 => told,
        n_more => format!("{told}; and {n_more} more agents failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_agents_say_is_told_in_part_and_counted_whole() {
        let failures: Vec<String> = (1..=64).map(|n| format!("agent {n}: no")).collect();
        assert_eq!(summary(&failures[..2]), "agent 1: no; agent 2: no");
        assert!(summary(&failures).ends_with("agent 8: no; and 56 more agents failed"), "{}", summary(&failures));
        let long = reason_of(&CallError::Remote("\u{1b}x".repeat(100_000)));
        assert!(long.len() < 8 * MAX_REASON_CHARS && !long.contains('\u{1b}'), "{} bytes", long.len());
    }
}
