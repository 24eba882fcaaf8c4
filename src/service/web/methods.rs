//! The manager's methods that php and java share.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::logs_of;
use super::roles::{BACKEND, PROXY, ROLES, WEB};
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager::NodeRow;

/// How many requests a node gets for each of another's, by the node's id; 1 where nothing is set.
pub(crate) type Weights = BTreeMap<String, u32>;

/// What `update_nodes_weight` sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct NewWeights {
    /// Of nodes that serve static files.
    pub web: Weights,
    /// Of nodes that run the user's program.
    pub backend: Weights,
}

/// `list_nodes`: a packed node appears in several lists.
///
/// # Errors
/// Returns an error if a parameter is left.
pub(crate) async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.list_nodes_by_role(call, &ROLES).await
}

/// `get_node_info`.
///
/// # Errors
/// Returns an error if there is no such node.
pub(crate) async fn get_node_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    let flags = |node: &NodeRow| {
        let roles = ROLES.read(&node.role);
        let shown = [(PROXY, "isRunningProxy"), (WEB, "isRunningWeb"), (BACKEND, "isRunningBackend")];
        shown.iter().map(|(role, flag)| ((*flag).to_owned(), roles.plays(role))).collect()
    };
    service.node_info(call, logs_of, flags).await
}

/// Takes the parameters of `update_nodes_weight`: every id must be that of a node in its role.
///
/// # Errors
/// Returns an error that names the id or the weight that makes no sense.
pub(crate) fn take_weights(call: &mut Call, nodes: &[NodeRow]) -> Result<NewWeights, MethodError> {
    let mut taken = NewWeights::default();
    for (role, weights) in [(WEB, &mut taken.web), (BACKEND, &mut taken.backend)] {
        for (id, weight) in call.params.object(role)? {
            let plays = |node: &NodeRow| node.view.id == id && ROLES.read(&node.role).plays(role);
            if !nodes.iter().any(plays) {
                return Err(MethodError::refused(format!("Unable to update weights. There is no {role} node '{id}'")));
            }
            let number = weight.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= 1000);
            let number = number.ok_or_else(|| {
                MethodError::refused(format!(
                    "The weight of node '{id}' is {weight}; weights are numbers from 0 to 1000"
                ))
            })?;
            weights.insert(id, number);
        }
    }
    Ok(taken)
}
