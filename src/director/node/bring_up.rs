//! Bringing a node up: ask its cloud, write down what it gave, wait until
//! the program in it answers. Every step may be repeated after a crash.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context;
use crate::cloud::{CloudError, CloudNode, ContextError};
use crate::director::application::record_started;
use crate::director::credit;
use crate::director::error::Failure;
use crate::director::state::{Director, OperationKey};
use crate::rpc::{Client, ClientError, Endpoint, PeerRule, RpcCall, TlsError};
use crate::store::StoreError;
use crate::store::director::node::{self, Node, Phase, Place};
use crate::sys::chain;
use crate::task::crash_point;

/// Answers come within tens of milliseconds; a Pi may take seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Each pause is this part of the time waited so far, so that it adds little to it.
const PART: u32 = 16;
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const CONSOLE_LINES: usize = 5;

/// Why a node did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BringUpError {
    /// Its cloud failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its context cannot be made.
    #[error("cannot prepare the node: {0}")]
    Context(String),
    /// It was made and never answered.
    #[error("the node at {endpoint} did not answer within {} s: {last}{console}", limit.as_secs())]
    Silent {
        /// Where.
        endpoint: Endpoint,
        /// The time it had.
        limit: Duration,
        /// The last failure.
        last: String,
        /// The end of its console, if there is one.
        console: String,
    },
    /// It was stopped meanwhile.
    #[error("the node is not wanted any more")]
    Unwanted,
}

impl From<ContextError> for BringUpError {
    fn from(error: ContextError) -> Self {
        BringUpError::Cloud(CloudError::Context(error))
    }
}

impl From<TlsError> for BringUpError {
    fn from(error: TlsError) -> Self {
        BringUpError::Context(chain(&error))
    }
}

impl From<Failure> for BringUpError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => BringUpError::Store(error),
            Failure::Cloud(error) => BringUpError::Cloud(error),
            other => BringUpError::Context(other.to_string()),
        }
    }
}

/// Starts a task for every manager that is wanted and not up, unless one
/// works on it already.
pub(crate) async fn spawn_managers(director: &Arc<Director>) -> Result<(), Failure> {
    let nodes = director.store.read(|tx| Ok::<_, Failure>(node::all(tx)?)).await?;
    for node in nodes {
        if node.phase == Phase::Making && node.wanted.program == "manager" {
            let director = Arc::clone(director);
            director.clone().tasks.spawn("bring up a manager", async move {
                let _one_at_a_time = director.operations.hold(&OperationKey::BringUp(node.rid)).await;
                bring_up_manager(&director, &node).await;
            });
        }
    }
    Ok(())
}

async fn bring_up_manager(director: &Arc<Director>, node: &Node) {
    let rid = node.rid;
    match director.store.read(move |tx| node::phase(tx, rid)).await {
        Ok(Some(Phase::Making)) => {}
        Ok(_) => return,
        Err(error) => return tracing::error!(error = %chain(&error), "cannot read the database"),
    }
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = bring_up(director, node) => outcome,
        // The next start of the director goes on from here.
        () = director.tasks.stopping().cancelled_owned() => return,
    };
    let reason = outcome.err().map(|error| chain(&error));
    let aid = node.wanted.aid;
    match &reason {
        None => tracing::info!(app.id = aid.0, elapsed_ms = started.elapsed().as_millis(), "application running"),
        Some(reason) => {
            tracing::error!(app.id = aid.0, node.tag = %node.wanted.tag, reason, "application cannot start");
        }
    }
    let row = node.clone();
    // Taken back by a power cut, the start is gone on with.
    let recorded = director.store.note(move |tx| record_started(tx, &row, reason.as_deref().map_or(Ok(()), Err)));
    if let Err(error) = recorded.await {
        tracing::error!(app.id = aid.0, error = %chain(&error), "cannot record how the start ended");
    }
    crash_point("start_application.finished");
    director.reconcile.wake();
    credit::charge(director).await;
}

/// Brings one node up. The caller records the outcome.
pub(crate) async fn bring_up(director: &Arc<Director>, node: &Node) -> Result<Place, BringUpError> {
    let cloud = director.clouds.get(&node.wanted.cloud)?;
    let spec = context::node_spec(director, node)?;
    let made = cloud.ensure_node(&spec).await?;
    crash_point("bring_up.made");
    let place = place_of(&made);
    let (rid, written) = (node.rid, place.clone());
    // After a power cut no container runs, and the node is made once more.
    if !director.store.note(move |tx| node::set_place(tx, rid, &written)).await? {
        return Err(BringUpError::Unwanted);
    }
    crash_point("bring_up.placed");
    wait_until_answers(director, node, &place).await?;
    crash_point("bring_up.answered");
    Ok(place)
}

pub(crate) fn place_of(made: &CloudNode) -> Place {
    Place { vmid: made.vmid.clone(), ip: made.ip, private_ip: made.private_ip, port: made.port }
}

async fn wait_until_answers(director: &Director, node: &Node, place: &Place) -> Result<(), BringUpError> {
    let rule = PeerRule::NodeOf(node.wanted.uid, node.wanted.aid);
    let client = Client::new(Some(&director.certificate.credentials()), rule)?.with_timeout(ANSWER_LIMIT);
    let endpoint = Endpoint { host: place.ip.to_string(), port: place.port };
    let limit = director.config.node_start_timeout;
    let began = Instant::now();
    let mut reported = HashSet::new();
    loop {
        let Err(last) = client.call(&endpoint, &RpcCall::get(0, "check_process")).await else { return Ok(()) };
        let text = chain(&last);
        let is_expected = matches!(&last, crate::rpc::CallError::Client(ClientError::Connect { .. }));
        if !is_expected && reported.insert(text.clone()) {
            tracing::warn!(node.tag = %node.wanted.tag, error = text, "a new node does not answer as it should yet");
        }
        if began.elapsed() >= limit {
            let console = last_lines(&console_of(director, node).await);
            return Err(BringUpError::Silent { endpoint, limit, last: text, console });
        }
        tokio::time::sleep((began.elapsed() / PART).clamp(FIRST_PAUSE, LONGEST_PAUSE)).await;
    }
}

async fn console_of(director: &Director, node: &Node) -> String {
    match director.clouds.get(&node.wanted.cloud) {
        Ok(cloud) => cloud.console(&node.wanted.tag).await,
        Err(_) => String::new(),
    }
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(CONSOLE_LINES)..];
    if last.is_empty() { String::new() } else { format!("; its console ends: {}", last.join(" | ")) }
}
