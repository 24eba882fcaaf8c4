//! Adding and removing nodes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::parameters::{expect_credit, take_cloud, take_service};
use crate::api::manager::StateView;
use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::ServiceEvent;
use crate::service::{Call, Counts, Kind, MethodError, Player, Reply};
use crate::store::manager::{self as store, NodePhase};

/// The word of ConPaaS 2.0 for "of the default role".
const COUNT: &str = "count";
/// More in one call is a slip of the finger.
const MAX_NODES: i64 = 1000;

pub(crate) async fn add_nodes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { kind, context: service, .. } = take_service(&manager, &mut call, "service_id").await?;
    let nodes = call.params.object("nodes")?;
    let cloud = take_cloud(&mut call)?;
    call.finish()?;
    let counts = read_counts(kind, &nodes)?;
    service.expect_can(ServiceEvent::Change).await?;
    kind.manager.check_addition(&service.nodes().await?, &counts)?;
    expect_credit(&manager).await?;
    let task = Task::AddNodes { counts, cloud: cloud.to_string() };
    let state = operation::submit(&manager, service.sid, task, "").await?;
    Ok(Reply::of(&StateView { state }))
}

pub(crate) async fn remove_nodes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { kind, context: service, .. } = take_service(&manager, &mut call, "service_id").await?;
    let nodes = call.params.object("nodes")?;
    call.finish()?;
    let counts = read_counts(kind, &nodes)?;
    service.expect_can(ServiceEvent::Change).await?;
    let roles = kind.manager.roles();
    let nodes: Vec<Player> = service.nodes().await?.iter().map(|node| Player::of(node, roles)).collect();
    let ids = roles.plan_removal(&nodes, &counts).map_err(|error| MethodError::refused(error.to_string()))?;
    let task = Task::RemoveNodes { ids: ids.clone() };
    let mark = move |tx: &store::Transaction<'_>| Ok(store::set_node_phase(tx, &ids, NodePhase::Leaving)?);
    let state = operation::submit_with(&manager, service.sid, task, "", mark).await?;
    Ok(Reply::of(&StateView { state }))
}

/// Checks the roles and counts in the order of ConPaaS 2.0.
fn read_counts(kind: &Kind, nodes: &Map<String, Value>) -> Result<Counts, MethodError> {
    let (name, kind) = (kind.name, kind.manager);
    let mut counts = Counts::new();
    for (role, count) in nodes {
        let count = match count {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        let shown = nodes.get(role).map(Value::to_string).unwrap_or_default();
        let count: i64 = count.ok_or_else(|| MethodError::refused(format!("Invalid number of nodes {shown}")))?;
        let role = if role == COUNT { kind.roles().default } else { role.as_str() };
        match counts.iter_mut().find(|(known, _)| known == role) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => counts.push((role.to_owned(), count)),
        }
    }
    if counts.iter().fold(0_i64, |sum, (_, count)| sum.saturating_add(*count)) == 0 {
        return Err(MethodError::refused("Need a positive value for at least one role"));
    }
    for (role, count) in &counts {
        if *count < 0 || *count > MAX_NODES {
            return Err(MethodError::refused(format!("Invalid number of nodes {count}")));
        }
        if kind.roles().find(role).is_none() {
            return Err(MethodError::refused(format!("Wrong node type '{role}' for service type '{name}'.")));
        }
    }
    Ok(counts)
}
