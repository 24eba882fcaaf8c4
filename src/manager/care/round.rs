//! The rounds: who answers, and what is done about who does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::pulse::Pulse;
use super::scale::{Watch, scale};
use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::service::care::{Care, CareDocument, Healing, NodeState, ask_nodes};
use crate::service::{Counts, MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, NodeRow};

const PAUSE: Duration = Duration::from_secs(2);
/// While it is not sure that all are well.
const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// What is remembered of a service from one round to the next.
#[derive(Debug)]
struct Memory {
    pulse: Pulse,
    watch: Watch,
}

/// Looks after all services until `stop`.
pub(crate) async fn look_after(manager: Arc<Manager>, stop: CancellationToken) {
    let old = match manager.store.read(|tx| store::list_nodes(tx, None)).await {
        Ok(nodes) => Arc::new(nodes.into_iter().map(|node| node.view.id).collect()),
        Err(error) => {
            tracing::error!("services are not looked after: {}", crate::sys::chain(&error));
            return;
        }
    };
    let mut memories: BTreeMap<ServiceId, Memory> = BTreeMap::new();
    loop {
        let is_uncertain = memories.values().any(|memory| memory.pulse.is_uncertain());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(if is_uncertain { SHORT_PAUSE } else { PAUSE }) => {}
        }
        let rows = match manager.store.read(store::list_services).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!("cannot look after services: {}", crate::sys::chain(&error));
                continue;
            }
        };
        memories.retain(|sid, _| rows.iter().any(|row| row.sid == *sid));
        let running = rows.into_iter().filter(|row| row.state == State::Running);
        let cared = running.filter_map(|row| manager.service(row)).filter_map(|service| {
            let care = service.kind.manager.care()?;
            let new = || Memory { pulse: Pulse::new(Arc::clone(&old)), watch: Watch::default() };
            let memory = memories.remove(&service.row.sid).unwrap_or_else(new);
            Some((service, care, memory))
        });
        let manager = &manager;
        let rounds = cared.map(|(service, care, mut memory)| async move {
            let sid = service.row.sid;
            if let Err(error) = round(manager, &service, care, &mut memory).await {
                tracing::warn!("cannot look after service {sid}: {error}");
            }
            (sid, memory)
        });
        let rounds: Vec<_> = rounds.collect();
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = join_all(rounds) => done,
        };
        memories.extend(done);
    }
}

async fn round(manager: &Arc<Manager>, service: &Service, care: &Care, memory: &mut Memory) -> Result<(), MethodError> {
    let states = ask_nodes(&service.context, care, service.context.nodes().await?).await;
    let answers: Vec<(String, bool)> =
        states.iter().map(|state| (state.node.view.id.clone(), state.figures.is_some())).collect();
    let dead = memory.pulse.take(&answers, Instant::now());
    let sid = service.row.sid;
    let document = manager.store.read(move |tx| CareDocument::read(tx, sid)).await?;
    if dead.is_empty() {
        return scale(manager, service, care, &document, &states, &mut memory.watch).await;
    }
    let why = match may_heal(manager, sid, dead.len()).await? {
        Healing::Now => return heal(manager, service, &nodes_of(&states, &dead)).await,
        Healing::Later => return Ok(()),
        Healing::Off => "self-healing is off",
        Healing::TooMany => "too many died within an hour, so no more are made",
        Healing::NoCredit => "there is no credit for another one",
    };
    let untold = memory.pulse.untold(&dead);
    if !untold.is_empty() {
        let text = format!("Node {} does not answer; {why}", untold.join(", "));
        manager.note(sid, Level::Error, &text);
        manager.store.write(move |tx| store::note_event(tx, sid, &text, now())).await?;
    }
    Ok(())
}

fn nodes_of(states: &[NodeState], ids: &[String]) -> Vec<NodeRow> {
    states.iter().map(|state| &state.node).filter(|node| ids.contains(&node.view.id)).cloned().collect()
}

/// Returns whether `n` more nodes of a service may be made anew. A director that does not answer now may do so in the next
/// round.
pub(super) async fn may_heal(manager: &Manager, sid: ServiceId, n: usize) -> Result<Healing, MethodError> {
    let document = manager.store.read(move |tx| CareDocument::read(tx, sid)).await?;
    let healing = document.healing(n, now());
    if healing != Healing::Now {
        return Ok(healing);
    }
    let credit = manager.director.credit().await;
    let credit = credit.map_err(|error| MethodError::refused(crate::sys::chain(&error)))?;
    let is_enough = i64::try_from(n).is_ok_and(|n| credit >= n);
    Ok(if is_enough { Healing::Now } else { Healing::NoCredit })
}

/// Has others made in the place of dead nodes.
pub(super) async fn heal(manager: &Arc<Manager>, service: &Service, dead: &[NodeRow]) -> Result<(), MethodError> {
    let sid = service.row.sid;
    let roles = service.kind.manager.roles();
    let mut counts = Counts::new();
    for node in dead {
        let role = roles.main(&roles.read(&node.role)).to_owned();
        match counts.iter_mut().find(|(known, _)| *known == role) {
            Some((_, count)) => *count += 1,
            None => counts.push((role, 1)),
        }
    }
    let ids: Vec<String> = dead.iter().map(|node| node.view.id.clone()).collect();
    let cloud = dead.first().map(|node| node.view.cloud_name.clone()).unwrap_or_default();
    let reason = format!("Node {} does not answer, and is made anew", ids.join(", "));
    let n_dead = dead.len();
    let leaving = ids.clone();
    let record = move |tx: &store::Transaction<'_>| {
        store::set_node_phase(tx, &leaving, NodePhase::Leaving)?;
        CareDocument::change(tx, sid, |document| document.note_healing(n_dead, now()))?;
        Ok::<(), StoreError>(())
    };
    let task = Task::HealNodes { ids, counts, cloud };
    operation::submit_with(manager, sid, task, &reason, move |tx| Ok(record(tx)?)).await?;
    manager.note(sid, Level::Warning, &reason);
    Ok(())
}
