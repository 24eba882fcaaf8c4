//! A kind's side in the manager.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::context::ServiceContext;
use super::log_file::LogFile;
use super::method::Method;
use super::reply::MethodError;
use super::work::Work;
use crate::api::VolumeRequest;
use crate::store::manager::NodeRow;

/// How many nodes of each role, in the order in which they were asked for.
pub(crate) type Counts = Vec<(String, i64)>;

/// Values for the agents' configuration, by the names of ConPaaS 2.0.
pub(crate) type NodeSettings = BTreeMap<&'static str, String>;

/// Why a kind did not get its nodes to work; the text names the node.
pub(crate) type WorkError = MethodError;

/// A node that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedNode {
    /// Its role in the service.
    pub role: String,
    /// Volumes that are made and attached with it.
    pub volumes: Vec<VolumeRequest>,
}

impl WantedNode {
    /// A node without volumes.
    #[must_use]
    pub(crate) fn of_role(role: &str) -> Self {
        WantedNode { role: role.to_owned(), volumes: Vec::new() }
    }
}

/// What a kind does in the manager.
///
/// # Guarantees (of the caller)
/// - The `on_` functions of one service never run at the same time.
/// - An `on_` function that was broken off by a crash is called again with
///   the same nodes: it must be repeatable.
#[async_trait]
pub(crate) trait ManagerKind: Send + Sync {
    /// Returns the roles of its nodes.
    fn roles(&self) -> &'static [&'static str];

    /// Returns the role that is meant when a caller names none (`count`).
    fn default_role(&self) -> &'static str;

    /// Returns the nodes that a start makes.
    async fn nodes_at_start(&self, service: &ServiceContext) -> Result<Vec<WantedNode>, WorkError>;

    /// Returns a node to be added in this role; a kind that gives its nodes volumes says so here.
    ///
    /// # Errors
    /// What the kind keeps of the service cannot be read.
    async fn wanted(&self, _service: &ServiceContext, role: &str) -> Result<WantedNode, WorkError> {
        Ok(WantedNode::of_role(role))
    }

    /// Returns values for the agents' configuration.
    ///
    /// # Errors
    /// What the kind keeps of the service cannot be read.
    async fn context(&self, _service: &ServiceContext) -> Result<NodeSettings, WorkError> {
        Ok(NodeSettings::new())
    }

    /// Returns the logs of a node in this role, besides the agent's own.
    fn logs(&self, role: &str) -> &'static [LogFile];

    /// Called once, when a service of this kind is added.
    async fn on_add_service(&self, _service: &ServiceContext) -> Result<(), WorkError> {
        Ok(())
    }

    /// Refuses an addition that makes no sense.
    ///
    /// # Errors
    /// The text for the caller.
    fn check_addition(&self, _nodes: &[NodeRow], _counts: &Counts) -> Result<(), MethodError> {
        Ok(())
    }

    /// Chooses the nodes (ids) that a removal takes.
    ///
    /// # Errors
    /// The text for the caller: too many, or some that must stay.
    fn plan_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<Vec<String>, MethodError>;

    /// Gets the nodes of a start to work.
    async fn on_start(&self, service: &ServiceContext, nodes: &[NodeRow]) -> Result<(), WorkError>;

    /// Gets `added` to work beside `before`.
    async fn on_add_nodes(
        &self,
        service: &ServiceContext,
        before: &[NodeRow],
        added: &[NodeRow],
    ) -> Result<(), WorkError>;

    /// Tells `left` that `removed` are about to go.
    async fn on_remove_nodes(
        &self,
        service: &ServiceContext,
        left: &[NodeRow],
        removed: &[NodeRow],
    ) -> Result<(), WorkError>;

    /// Called before all nodes go.
    async fn on_stop(&self, _service: &ServiceContext, _nodes: &[NodeRow]) -> Result<(), WorkError> {
        Ok(())
    }

    /// Does what a method of this kind asked for by `Reply::Adapt`.
    async fn on_adapt(&self, _service: &ServiceContext, _work: &Work) -> Result<(), WorkError> {
        Ok(())
    }

    /// Takes back what an [`ManagerKind::on_adapt`] that failed has done, as well as it can.
    async fn undo_adapt(&self, _service: &ServiceContext, _work: &Work) {}

    /// Refuses a change of volumes: `method` (`create_volume`, `delete_volume`) may not be called now.
    ///
    /// # Errors
    /// The text for the caller; by default that the kind has no volumes.
    async fn can_change_volumes(&self, _service: &ServiceContext, method: &str) -> Result<(), MethodError> {
        Err(MethodError::refused(format!("{method} method not currently supported for this service")))
    }

    /// Returns whether the manager's git repository holds code for services of this kind.
    fn has_git_code(&self) -> bool {
        false
    }

    /// Returns its methods, besides those of every service.
    fn methods(&self) -> &'static [Method<ServiceContext>];
}

/// Chooses the last nodes of the roles that are to shrink; at least `stay`
/// nodes of `removable` must stay. The text of ConPaaS 2.0 names the role where a kind has several.
///
/// # Errors
/// Fewer can be removed.
pub(crate) fn last_nodes(
    removable: &[&NodeRow],
    n: i64,
    stay: usize,
    shown_role: &str,
) -> Result<Vec<String>, MethodError> {
    let can = removable.len().saturating_sub(stay);
    let n = usize::try_from(n).unwrap_or(0);
    if n > can {
        let can = if can == 0 { "none".to_owned() } else { format!("only {can}") };
        let role = if shown_role.is_empty() { String::new() } else { format!(" {shown_role}") };
        return Err(MethodError::refused(format!("Requesting to delete {n}{role} nodes while {can} can be removed")));
    }
    Ok(removable.iter().rev().take(n).map(|node| node.view.id.clone()).collect())
}
