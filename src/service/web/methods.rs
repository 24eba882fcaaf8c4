//! The manager's methods that php and java share.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::roles::{self, BACKEND, PROXY, ROLES, WEB};
use crate::model::State;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::reply::Reply;
use crate::service::role::Counts;
use crate::service::settings::{Document, Settings};
use crate::store::manager::NodeRow;

/// How many requests a node gets for each of another's, by the node's id; 1 where nothing is set.
pub(crate) type Weights = BTreeMap<String, u32>;

/// What `update_nodes_weight` sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct NewWeights {
    /// Of nodes that serve static files.
    web: Weights,
    /// Of nodes that run the user's program.
    backend: Weights,
}

/// What is set of a service of web sites, of whichever kind.
pub(crate) trait SiteSettings: Settings {
    /// Returns the weights of nodes that serve static files, and those of backends.
    fn weights(&mut self) -> (&mut Weights, &mut Weights);

    /// Returns how many nodes of each role the next start makes.
    fn counts(&mut self) -> &mut Counts;
}

/// Returns how many nodes a start makes.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(crate) fn start_counts<T: SiteSettings>(settings: &Document) -> Result<Counts, MethodError> {
    let mut settings: T = settings.read()?;
    Ok(ROLES.start_counts(settings.counts()))
}

/// Returns the settings with the counts of `nodes`, for the next start.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(crate) fn with_nodes<T: SiteSettings>(settings: &Document, nodes: &[NodeRow]) -> Result<Document, MethodError> {
    let mut settings: T = settings.read()?;
    *settings.counts() = roles::counts_of(nodes);
    Document::of(&settings)
}

/// `list_nodes`: a packed node appears in several lists.
///
/// # Errors
/// Returns an error if a parameter is left.
pub(crate) async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.list_nodes_by_role(call, &ROLES).await
}

/// `get_node_info`; `logs` are those of a role in the service's kind.
///
/// # Errors
/// Returns an error if there is no such node.
pub(crate) async fn get_node_info(
    service: ServiceContext,
    call: Call,
    logs: fn(role: &str) -> &'static [LogFile],
) -> Result<Reply, MethodError> {
    let flags = |node: &NodeRow| {
        let roles = ROLES.read(&node.role);
        let shown = [(PROXY, "isRunningProxy"), (WEB, "isRunningWeb"), (BACKEND, "isRunningBackend")];
        shown.iter().map(|(role, flag)| ((*flag).to_owned(), roles.plays(role))).collect()
    };
    service.node_info(call, logs, flags).await
}

/// `update_nodes_weight`.
///
/// # Errors
/// Returns an error if the service does not run, or an id or a weight makes no sense.
pub(crate) async fn update_weights<T: SiteSettings>(
    service: ServiceContext,
    mut call: Call,
) -> Result<Reply, MethodError> {
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let new = take_weights(&mut call, &nodes)?;
    call.finish()?;
    let mut settings: T = service.settings().await?.read()?;
    let (web, backend) = settings.weights();
    web.extend(new.web);
    backend.extend(new.backend);
    // What is gone is forgotten here, where all is written anyway.
    let is_here = |id: &String| nodes.iter().any(|node| node.view.id == *id);
    web.retain(|id, _| is_here(id));
    backend.retain(|id, _| is_here(id));
    let change = Change::Settings { settings: Document::of(&settings)? };
    Ok(Reply::Adapt { reason: "Updating configuration".to_owned(), change })
}

/// Takes the parameters of `update_nodes_weight`: every id must be that of a node in its role.
///
/// # Errors
/// Returns an error that names the id or the weight that makes no sense.
fn take_weights(call: &mut Call, nodes: &[NodeRow]) -> Result<NewWeights, MethodError> {
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
