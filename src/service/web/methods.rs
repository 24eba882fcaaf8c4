//! The manager's methods that php and java share.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::roles::{self, BACKEND, PROXY, ROLES, WEB};
use crate::api::params::bad;
use crate::api::python::dict_order;
use crate::api::web::{Hooks, SiteNode, SiteNodeInfo, full_weight};
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

/// How many requests a node gets, compared with others, by the node's id; 100 where nothing is set.
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

    /// Returns what its user adds to the configuration of nginx.
    fn hooks(&mut self) -> &mut Hooks;
}

/// Returns how many nodes a start makes.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(crate) fn start_counts<T: SiteSettings>(settings: &Document) -> Result<Counts, MethodError> {
    let mut settings: T = settings.read()?;
    // In the order in which ConPaaS 2.0 makes them.
    Ok(dict_order(ROLES.start_counts(settings.counts()), |(role, _)| role))
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
pub(crate) async fn get_node_info<T: SiteSettings>(
    service: ServiceContext,
    call: Call,
    logs: fn(role: &str) -> &'static [LogFile],
) -> Result<Reply, MethodError> {
    let (node, logs) = service.node_and_logs(call, logs).await?;
    let mut settings: T = service.settings().await?.read()?;
    let (web, backend) = settings.weights();
    let roles = ROLES.read(&node.role);
    let node = SiteNode {
        logs,
        is_running_backend: roles.plays(BACKEND),
        weight_web: weight_of(web, &node.view.id),
        is_running_web: roles.plays(WEB),
        is_running_proxy: roles.plays(PROXY),
        weight_backend: weight_of(backend, &node.view.id),
        ip: node.view.ip,
        id: node.view.id,
        cloud: node.view.cloud_name,
        vmid: node.view.vmid,
        role: node.role,
    };
    Ok(Reply::of(&SiteNodeInfo { node }))
}

/// Returns the weight of a node.
#[must_use]
pub(super) fn weight_of(weights: &Weights, id: &str) -> u32 {
    weights.get(id).copied().unwrap_or_else(full_weight)
}

/// `migrate_nodes`: ConPaaS 2.0 fails here, too.
///
/// # Errors
/// Always.
pub(crate) async fn migrate_nodes(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let plan: Vec<Value> = call.structure("migration_plan")?;
    if plan.is_empty() {
        return Err(bad("migration_plan", "'[]' has type 'list', should be non-empty list").into());
    }
    let delay = call.params.integer_or("delay", 0)?;
    call.finish()?;
    if delay < 0 {
        return Err(bad("delay", &format!("{delay} is not more or equal than 0")).into());
    }
    service.expect_state(&[State::Running]).await?;
    Err(MethodError::refused(
        "Nodes cannot be moved: add nodes in the other cloud, and remove those here when the new ones serve",
    ))
}

/// `update_nodes_weight`.
///
/// # Errors
/// Returns an error if the service does not run, or an id or a weight makes no sense.
pub(crate) async fn update_weights<T: SiteSettings>(
    service: ServiceContext,
    mut call: Call,
) -> Result<Reply, MethodError> {
    let given = [(WEB, call.params.object(WEB)?), (BACKEND, call.params.object(BACKEND)?)];
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let new = read_weights(given, &nodes)?;
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

/// Reads the parameters of `update_nodes_weight`: every id must be that of a node in its role.
///
/// # Errors
/// Returns an error that names the id or the weight that makes no sense.
fn read_weights(given: [(&str, Map<String, Value>); 2], nodes: &[NodeRow]) -> Result<NewWeights, MethodError> {
    let mut read = NewWeights::default();
    for (role, of_role) in given {
        let weights = if role == WEB { &mut read.web } else { &mut read.backend };
        for (id, weight) in of_role {
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
    Ok(read)
}
