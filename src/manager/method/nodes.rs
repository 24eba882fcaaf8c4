//! Adding and removing nodes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::parameters::{expect_credit, read_cloud, take_service};
use crate::api::params::{python_str, to_int};
use crate::api::python::dict_order;
use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::ServiceEvent;
use crate::service::{Call, Counts, Kind, MethodError, Player, Reply};

/// The word of ConPaaS 2.0 for "of the default role".
const COUNT: &str = "count";
/// More in one call is a slip of the finger.
const MAX_NODES: i64 = 1000;

pub(crate) async fn add_nodes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { kind, context: service, .. } = take_service(&manager, &mut call, "service_id").await?;
    let nodes = call.params.object("nodes")?;
    let cloud = call.params.string("cloud")?;
    call.finish()?;
    expect_credit(&manager).await?;
    let counts = read_counts(kind, &nodes)?;
    service.expect_can(ServiceEvent::Change).await?;
    kind.manager.check_addition(&service.nodes().await?, &counts)?;
    let cloud = read_cloud(&cloud)?;
    let task = Task::AddNodes { counts, cloud: cloud.to_string() };
    let submitted = operation::submit(&manager, service.sid, task, "").await?;
    Ok(Reply::of(&submitted.view()))
}

pub(crate) async fn remove_nodes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { kind, context: service, .. } = take_service(&manager, &mut call, "service_id").await?;
    let nodes = call.params.object("nodes")?;
    call.finish()?;
    let counts = read_counts(kind, &nodes)?;
    service.expect_can(ServiceEvent::Change).await?;
    let roles = kind.manager.roles();
    let rows = service.nodes().await?;
    kind.manager.check_removal(&rows, &counts)?;
    let nodes: Vec<Player> = rows.iter().map(|node| Player::of(node, roles)).collect();
    let ids = roles.plan_removal(&nodes, &counts).map_err(|error| MethodError::refused(error.to_string()))?;
    let submitted = operation::submit_removal(&manager, service.sid, ids, "", |_| Ok(())).await?;
    Ok(Reply::of(&submitted.view()))
}

/// Checks the roles and counts in the order of ConPaaS 2.0, which goes through a dictionary. A count is a
/// number: a text of digits is none.
pub(super) fn read_counts(kind: &Kind, nodes: &Map<String, Value>) -> Result<Counts, MethodError> {
    let (name, kind) = (kind.name, kind.manager);
    let mut asked = Vec::new();
    for (role, count) in dict_order(nodes.iter().collect(), |(role, _)| *role) {
        let is_whole = count.is_boolean() || count.is_i64() || count.as_f64().is_some_and(|n| n.fract() == 0.0);
        let whole = to_int(count).filter(|_| is_whole);
        let invalid = || MethodError::refused(format!("Invalid number of nodes {}", python_str(count)));
        asked.push((role.as_str(), whole.ok_or_else(invalid)?));
    }
    if asked.iter().fold(0_i64, |sum, (_, count)| sum.saturating_add(*count)) == 0 {
        return Err(MethodError::refused("Need a positive value for at least one role"));
    }
    let mut counts = Counts::new();
    for (role, count) in asked {
        if !(0..=MAX_NODES).contains(&count) {
            return Err(MethodError::refused(format!("Invalid number of nodes {count}")));
        }
        let is_known = kind.roles().find(role).is_some();
        if !is_known && role != COUNT {
            return Err(MethodError::refused(format!("Wrong node type '{role}' for service type '{name}'.")));
        }
        // Beside the default role's own number, `count` replaces it.
        let role = if is_known { role } else { kind.roles().default };
        match counts.iter_mut().find(|(known, _)| known == role) {
            Some((_, earlier)) if !is_known => *earlier = count,
            Some(_) => {}
            None => counts.push((role.to_owned(), count)),
        }
    }
    Ok(counts)
}
