//! Plans: what each node of a service is to run, and how it gets there.
//!
//! A kind computes its plan purely ([`PlanInput`] → [`NodePlan`]s) from the
//! settings, the nodes and the active code. [`apply`] compares the plan with
//! what each node was brought to before and sends only the differences. It is
//! the one way for a start, an addition, a removal, new code, new settings,
//! repair and the way back of each.
//!
//! # Guarantees
//! - Before a part changes, the store forgets what it was. A crash or a
//!   failure leaves the part unknown, and the next `apply` brings it again.
//! - Stages run one after the other. A stage that fails ends the work; the
//!   other nodes of that stage were called nevertheless.
//! - Parts that the plan does not name any more are taken back last.
//!
//! # Assumptions
//! - One `apply` of a service runs at a time (its operations see to that).
//! - Agents take a repetition of a call.
//!
//! Must not know: why a plan changed, states of services, clouds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::code;
use super::context::ServiceContext;
use super::error::MethodError;
use super::settings::Document;
use crate::api::environment::Variables;
use crate::rpc::RpcCall;
use crate::store::manager::{self as store, AppliedRow, NodeRow};
use crate::sys::fingerprint::fingerprint;

/// Sending an archive to a Pi and unpacking it there takes its time.
const CODE_LIMIT: Duration = Duration::from_secs(600);
/// A program may start for minutes on a Pi.
const CALL_LIMIT: Duration = Duration::from_secs(600);
/// Agents that are sent code at once: each holds a connection and reads the same file.
const CODE_AT_ONCE: usize = 4;
/// Agents called at once; more wait.
const CALLS_AT_ONCE: usize = 8;

/// What a plan is made of.
#[derive(Debug, Clone)]
pub(crate) struct PlanInput<'a> {
    /// The service's settings.
    pub settings: &'a Document,
    /// The nodes that work and are to work, oldest first, with the roles that they are to play.
    pub nodes: &'a [NodeRow],
    /// The active code version, where the kind has code.
    pub code: Option<&'a str>,
    /// What programs find in their environment, links included.
    pub environment: &'a Variables,
}

/// What one node is to run.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    /// The node.
    pub node: NodeRow,
    /// Its parts, each with a name of its own.
    pub parts: Vec<Part>,
}

/// One thing that a node is brought to.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its name, unique in its node.
    pub name: &'static str,
    /// What it is to be, as a text that differs when and only when the node must be told.
    pub wanted: String,
    /// How a node gets there that never was.
    pub first: Action,
    /// How a node gets there that was somewhere else.
    pub change: Action,
    /// How it is taken back when the plan does not name it any more, if that needs a call.
    pub stop: Option<StopCall>,
}

/// Something that an agent is to do, in its turn.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    /// All actions of a lower stage are done on all nodes before this one.
    pub stage: u8,
    /// What the agent does.
    pub deed: Deed,
}

/// What an agent does.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Answers a call.
    Call(RpcCall),
    /// Takes a code version, by a method of its own.
    Code {
        /// The agent's method, called by upload.
        method: &'static str,
        /// The version's id.
        version: String,
    },
}

/// The call that takes a part back; it is kept in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StopCall {
    /// The agent's method, called by POST.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// One difference between a plan and a node.
#[derive(Debug, Clone)]
struct Step {
    stage: u8,
    node: NodeRow,
    part: String,
    deed: Deed,
    outcome: Outcome,
    /// Whether the store says something of the part that is about to become untrue.
    is_recorded: bool,
}

/// What is recorded when a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Applied { digest: String, stop: Option<StopCall> },
    TakenBack,
}

/// Brings the nodes of a service to their plans. `nodes` are all nodes that
/// answer; those without a plan have their parts taken back.
///
/// # Errors
/// Returns an error if an agent did not do its part; the text names each such agent.
pub(crate) async fn apply(service: &ServiceContext, nodes: &[NodeRow], plans: &[NodePlan]) -> Result<(), MethodError> {
    let sid = service.sid;
    let applied = service.store.read(move |tx| store::list_applied(tx, sid)).await?;
    let mut stages: BTreeMap<u8, Vec<Step>> = BTreeMap::new();
    for step in differences(nodes, plans, &applied) {
        stages.entry(step.stage).or_default().push(step);
    }
    for steps in stages.into_values() {
        carry_out(service, steps).await?;
    }
    Ok(())
}

/// Notes the plans of working nodes of which nothing was ever noted: an older
/// program, which kept no such notes, brought them there.
///
/// # Errors
/// Returns an error if the store fails.
pub(crate) async fn adopt(service: &ServiceContext, plans: &[NodePlan]) -> Result<(), MethodError> {
    let (sid, plans) = (service.sid, plans.to_vec());
    let noted = service.store.note(move |tx| {
        let applied: Vec<AppliedRow<StopCall>> = store::list_applied(tx, sid)?;
        let known: BTreeSet<&str> = applied.iter().map(|row| row.node_id.as_str()).collect();
        for plan in plans.iter().filter(|plan| !known.contains(plan.node.view.id.as_str())) {
            for part in &plan.parts {
                store::end_applied(
                    tx,
                    &plan.node.view.id,
                    part.name,
                    &fingerprint(&part.wanted, 32),
                    part.stop.as_ref(),
                )?;
            }
        }
        Ok::<_, crate::store::StoreError>(())
    });
    Ok(noted.await?)
}

/// Computes what differs, in no order of stages.
fn differences(nodes: &[NodeRow], plans: &[NodePlan], applied: &[AppliedRow<StopCall>]) -> Vec<Step> {
    let known: BTreeMap<(&str, &str), &AppliedRow<StopCall>> =
        applied.iter().map(|row| ((row.node_id.as_str(), row.part.as_str()), row)).collect();
    let mut steps = Vec::new();
    for (plan, part) in plans.iter().flat_map(|plan| plan.parts.iter().map(move |part| (plan, part))) {
        let row = known.get(&(plan.node.view.id.as_str(), part.name));
        let digest = fingerprint(&part.wanted, 32);
        if row.is_some_and(|row| row.digest.as_ref() == Some(&digest)) {
            continue;
        }
        let action = if row.is_some() { &part.change } else { &part.first };
        steps.push(Step {
            stage: action.stage,
            node: plan.node.clone(),
            part: part.name.to_owned(),
            deed: action.deed.clone(),
            outcome: Outcome::Applied { digest, stop: part.stop.clone() },
            is_recorded: row.is_some(),
        });
    }
    let is_planned = |row: &AppliedRow<StopCall>| {
        let mut of_node = plans.iter().filter(|plan| plan.node.view.id == row.node_id);
        of_node.any(|plan| plan.parts.iter().any(|part| part.name == row.part))
    };
    for row in applied.iter().filter(|row| !is_planned(row)) {
        let Some(node) = nodes.iter().find(|node| node.view.id == row.node_id) else { continue };
        let Some(stop) = &row.stop else { continue };
        steps.push(Step {
            stage: u8::MAX,
            node: node.clone(),
            part: row.part.clone(),
            deed: Deed::Call(stop_call(stop)),
            outcome: Outcome::TakenBack,
            is_recorded: true,
        });
    }
    steps
}

async fn carry_out(service: &ServiceContext, steps: Vec<Step>) -> Result<(), MethodError> {
    let recorded = steps.iter().filter(|step| step.is_recorded);
    let begun: Vec<(String, String)> = recorded.map(|step| (step.node.view.id.clone(), step.part.clone())).collect();
    // What was never brought anywhere needs no forgetting, and no wait for the disk.
    if !begun.is_empty() {
        let forgotten = move |tx: &store::Transaction<'_>| {
            begun.iter().try_for_each(|(node, part)| store::begin_applied(tx, node, part))
        };
        service.store.write(forgotten).await?;
    }
    let (calls, codes): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| matches!(step.deed, Deed::Call(_)));
    let mut done = Vec::new();
    let mut failures = Vec::new();
    let (called, given) = tokio::join!(call_agents(service, calls), give_code(service, codes));
    for (step, outcome) in called.into_iter().chain(given) {
        match outcome {
            Ok(()) => done.push(step),
            Err(error) => failures.push(error.to_string()),
        }
    }
    service.store.note(move |tx| done.iter().try_for_each(|step| record(tx, step))).await?;
    if failures.is_empty() { Ok(()) } else { Err(MethodError::refused(failures.join("; "))) }
}

fn record(tx: &store::Transaction<'_>, step: &Step) -> Result<(), crate::store::StoreError> {
    let node = &step.node.view.id;
    match &step.outcome {
        Outcome::Applied { digest, stop } => store::end_applied(tx, node, &step.part, digest, stop.as_ref()),
        Outcome::TakenBack => store::delete_applied(tx, node, &step.part),
    }
}

type Done = (Step, Result<(), MethodError>);

async fn call_agents(service: &ServiceContext, steps: Vec<Step>) -> Vec<Done> {
    let calls = steps.into_iter().map(|step| async move {
        let outcome = match &step.deed {
            Deed::Call(call) => {
                service.agents.patient().call_within(CALL_LIMIT, &step.node, call).await.map(|_: IgnoredAny| ())
            }
            Deed::Code { .. } => Ok(()),
        };
        (step, outcome)
    });
    stream::iter(calls.collect::<Vec<_>>()).buffered(CALLS_AT_ONCE).collect().await
}

/// Sends agents their code; each version is brought into the form of an archive once.
async fn give_code(service: &ServiceContext, steps: Vec<Step>) -> Vec<Done> {
    let mut done = Vec::new();
    let mut by_version: BTreeMap<(&'static str, String), Vec<Step>> = BTreeMap::new();
    for step in steps {
        if let Deed::Code { method, version } = &step.deed {
            by_version.entry((method, version.clone())).or_default().push(step);
        }
    }
    for ((method, version), steps) in by_version {
        let deployment = match code::deployment(service, Some(&version)).await {
            Ok(deployment) => deployment,
            Err(error) => {
                let text = error.to_string();
                done.extend(steps.into_iter().map(|step| (step, Err(MethodError::refused(text.clone())))));
                continue;
            }
        };
        let call = deployment.call(method);
        let calls = steps.into_iter().map(|step| {
            let call = &call;
            async move {
                let outcome = service.agents.patient().call_within::<IgnoredAny>(CODE_LIMIT, &step.node, call).await;
                (step, outcome.map(|_: IgnoredAny| ()))
            }
        });
        let calls: Vec<_> = calls.collect();
        done.extend(stream::iter(calls).buffered(CODE_AT_ONCE).collect::<Vec<_>>().await);
    }
    done
}

fn stop_call(stop: &StopCall) -> RpcCall {
    let params = stop.params.iter();
    params.fold(RpcCall::post(0, &stop.method), |call, (name, value)| call.param(name, value.clone()))
}

#[cfg(test)]
mod tests;
