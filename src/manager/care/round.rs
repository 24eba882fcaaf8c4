//! One round: who answers, and what is done about who does not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pulse::Pulse;
use super::scale::{Trends, scale};
use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::node::Level;
use crate::service::care::{Care, CareDocument, Healing, NodeState, ask_nodes};
use crate::service::{Counts, MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, NodeRow};

const PAUSE: Duration = Duration::from_secs(2);
/// While it is not sure that all are well.
const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// What is remembered of the nodes of a service from one round to the next.
#[derive(Debug)]
pub(super) struct Signs {
    pulse: Pulse,
    trends: Trends,
}

impl Signs {
    /// Begins where nodes of `old` were there when the manager began.
    pub(super) fn new(old: Arc<BTreeSet<String>>) -> Self {
        Signs { pulse: Pulse::new(old), trends: Trends::default() }
    }

    /// Returns how long it is until the next round.
    pub(super) fn pause(&self) -> Duration {
        if self.pulse.is_uncertain() { SHORT_PAUSE } else { PAUSE }
    }
}

/// Asks the nodes of a service what they do; has dead ones made anew, and nodes come and go with the load.
pub(super) async fn round(
    manager: &Arc<Manager>,
    service: &Service,
    care: &Care,
    signs: &mut Signs,
) -> Result<(), MethodError> {
    let states = ask_nodes(&service.context, care, service.context.nodes().await?).await;
    let answers: Vec<(String, bool)> =
        states.iter().map(|state| (state.node.view.id.clone(), state.figures.is_some())).collect();
    let dead = signs.pulse.take(&answers, Instant::now());
    let sid = service.row.sid;
    let document = manager.store.read(move |tx| CareDocument::read(tx, sid)).await?;
    if dead.is_empty() {
        return scale(manager, service, care, &document, &states, &mut signs.trends).await;
    }
    let healing = may_heal(manager, &document, dead.len()).await?;
    if healing == Healing::Now {
        return heal(manager, service, &nodes_of(&states, &dead)).await;
    }
    let Some(why) = healing.obstacle() else { return Ok(()) };
    let untold = signs.pulse.untold(&dead);
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
pub(super) async fn may_heal(manager: &Manager, document: &CareDocument, n: usize) -> Result<Healing, MethodError> {
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
