//! Nodes come and go with the load, by the operations that users have as well.

use std::sync::Arc;

use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::{CloudName, ServiceId};
use crate::node::Level;
use crate::service::care::scaling::{Decision, Load, Trend, decide};
use crate::service::care::{Care, CareDocument, NodeState};
use crate::service::{Counts, MethodError, Player, now};
use crate::store::manager::{self as store, NodeRow, Transaction};

/// What is remembered from one round to the next; after a restart it begins anew, and decisions take some seconds more.
#[derive(Debug, Default)]
pub(super) struct Trends {
    trend: Trend,
    /// Whether the history says already that nodes should come and cannot.
    is_limit_told: bool,
}

/// Looks whether nodes are to come or go, and has them do so.
pub(super) async fn scale(
    manager: &Arc<Manager>,
    service: &Service,
    care: &Care,
    document: &CareDocument,
    states: &[NodeState],
    trends: &mut Trends,
) -> Result<(), MethodError> {
    let Some(scaling) = &document.scaling else { return Ok(()) };
    let at = now();
    let mut load = load(service, care, states);
    let (mut decision, mut next) = decide(scaling, &load, trends.trend, document.scaled_at, at);
    // The director is asked only when it matters.
    if matches!(decision, Decision::Add(..)) {
        load.credit = manager.director.credit().await.ok();
        (decision, next) = decide(scaling, &load, trends.trend, document.scaled_at, at);
    }
    trends.trend = next;
    trends.is_limit_told &= !(decision == Decision::Stay && next == Trend::default());
    let nodes: Vec<NodeRow> = states.iter().map(|state| state.node.clone()).collect();
    match decision {
        Decision::Stay => Ok(()),
        Decision::Add(n, reason) => change(manager, service, care, &nodes, (Way::More, n), &reason).await,
        Decision::Remove(n, reason) => change(manager, service, care, &nodes, (Way::Less, n), &reason).await,
        Decision::CannotAdd(reason) if !trends.is_limit_told => {
            trends.is_limit_told = true;
            tell(manager, service.row.sid, format!("Autoscaling: {reason}")).await
        }
        Decision::CannotAdd(_) => Ok(()),
    }
}

/// Returns what the nodes do, with more credit than anybody has.
fn load(service: &Service, care: &Care, states: &[NodeState]) -> Load {
    let roles = service.kind.manager.roles();
    let of_role = |state: &&NodeState| roles.main(&roles.read(&state.node.role)) == care.scaled_role;
    let n_nodes = u32::try_from(states.iter().filter(of_role).count()).unwrap_or(u32::MAX);
    let mut load = Load { n_nodes, credit: Some(i64::MAX), ..Load::default() };
    let (mut n_answers, mut total_ms) = (0_u64, 0_u64);
    for figures in states.iter().filter_map(|state| state.figures) {
        if let Some(proxy) = figures.proxy.filter(|proxy| proxy.window_ms > 0) {
            n_answers = n_answers.saturating_add(proxy.n_of_backends);
            total_ms = total_ms.saturating_add(proxy.total_of_backends_ms);
            load.busy += proxy.total_of_backends_ms as f64 / proxy.window_ms as f64;
        }
        load.n_waiting = load.n_waiting.saturating_add(figures.backend.map_or(0, |backend| backend.n_waiting));
    }
    load.response_ms = (n_answers > 0).then(|| total_ms as f64 / n_answers as f64);
    load
}

/// Which way the number of nodes goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    More,
    Less,
}

/// Has `n` nodes of the scaled role come or go, by the operation that users have as well. None goes that the kind does not
/// let go: several proxies need one backend whatever the load is.
async fn change(
    manager: &Arc<Manager>,
    service: &Service,
    care: &Care,
    nodes: &[NodeRow],
    (way, n): (Way, u32),
    reason: &str,
) -> Result<(), MethodError> {
    let (kind, sid) = (service.kind.manager, service.row.sid);
    let counts: Counts = vec![(care.scaled_role.to_owned(), n.into())];
    let noted = move |tx: &Transaction<'_>| Ok(note_change(tx, sid)?);
    let word = if way == Way::More { "more" } else { "less" };
    let reason = format!("Autoscaling: {n} {word}: {reason}");
    if way == Way::More {
        kind.check_addition(nodes, &counts)?;
        let cloud = nodes.last().map(|node| node.view.cloud_name.as_str()).unwrap_or_default();
        let cloud = CloudName::from_caller(cloud).map_err(|error| MethodError::refused(error.to_string()))?;
        let task = Task::AddNodes { counts, cloud: cloud.to_string() };
        operation::submit_with(manager, sid, task, &reason, noted).await?;
    } else {
        let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, kind.roles())).collect();
        let may_go = kind.check_removal(nodes, &counts).is_ok();
        let Some(ids) = kind.roles().plan_removal(&players, &counts).ok().filter(|_| may_go) else { return Ok(()) };
        operation::submit_removal(manager, sid, ids, &reason, noted).await?;
    }
    manager.note(sid, Level::Info, &reason);
    Ok(())
}

fn note_change(tx: &Transaction<'_>, sid: ServiceId) -> Result<(), crate::store::StoreError> {
    CareDocument::change(tx, sid, |document| document.scaled_at = Some(now()))
}

async fn tell(manager: &Manager, sid: ServiceId, text: String) -> Result<(), MethodError> {
    manager.note(sid, Level::Warning, &text);
    Ok(manager.store.write(move |tx| store::note_event(tx, sid, &text, now())).await?)
}
