//! What the manager's side of a kind works with: one service of the application.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::agent_calls::Agents;
use super::call::Call;
use super::error::MethodError;
use super::git::GitDoor;
use super::log_file::{AGENT_LOG, LogFile};
use super::reply::Reply;
use super::role::Roles;
use super::settings::Document;
use crate::api::manager::{LogView, NodeInfo, NodeList, ServiceInfo, ServiceNode};
use crate::api::texts;
use crate::config::ManagerConfig;
use crate::model::{ServiceEvent, ServiceId, State};
use crate::node::{Level, LogWriter};
use crate::store::manager::{self as store, NodePhase, NodeRow, ServiceRow};
use crate::store::{Store, StoreError};

/// One service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ServiceContext {
    /// Its id.
    pub sid: ServiceId,
    /// The name of its kind.
    pub kind_name: &'static str,
    /// The manager's database.
    pub store: Store,
    /// Calls its agents.
    pub agents: Agents,
    /// The manager's configuration.
    pub config: Arc<ManagerConfig>,
    /// Its own log.
    pub log: LogWriter,
    /// The manager's door for pushes.
    pub git: GitDoor,
}

impl ServiceContext {
    /// Its record.
    ///
    /// # Errors
    /// The database fails, or it was removed meanwhile.
    pub(crate) async fn row(&self) -> Result<ServiceRow, MethodError> {
        let sid = self.sid;
        let row: Option<ServiceRow> = self.store.read(move |tx| store::find_service(tx, sid)).await?;
        row.ok_or_else(|| MethodError::refused("Service not found"))
    }

    /// Refuses a call in any other state.
    ///
    /// # Errors
    /// The state is another one; the text is that of ConPaaS 2.0.
    pub(crate) async fn expect_state(&self, allowed: &[State]) -> Result<ServiceRow, MethodError> {
        let row = self.row().await?;
        if allowed.contains(&row.state) {
            return Ok(row);
        }
        Err(MethodError::refused(texts::wrong_service_state(allowed, row.state)))
    }

    /// Refuses a call that would lead to an event that cannot happen now.
    ///
    /// # Errors
    /// The text of ConPaaS 2.0, or the database fails.
    pub(crate) async fn expect_can(&self, event: ServiceEvent) -> Result<ServiceRow, MethodError> {
        self.expect_state(&event.states()).await
    }

    /// Returns its settings.
    pub(crate) async fn settings(&self) -> Result<Document, StoreError> {
        let sid = self.sid;
        Ok(Document::new(self.store.read(move |tx| store::service_settings(tx, sid)).await?))
    }

    /// Its nodes that work, oldest first.
    pub(crate) async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
        let sid = self.sid;
        let mut nodes = self.store.read(move |tx| store::list_nodes(tx, Some(sid))).await?;
        nodes.retain(|node| node.phase == NodePhase::Active);
        Ok(nodes)
    }

    /// Its nodes as `list_nodes` shows them: none unless it works.
    pub(crate) async fn shown_nodes(&self) -> Result<Option<Vec<NodeRow>>, MethodError> {
        let row = self.row().await?;
        if row.state.can_show_nodes() { Ok(Some(self.nodes().await?)) } else { Ok(None) }
    }

    /// `list_nodes`: the nodes of each role, none unless the service works.
    ///
    /// # Errors
    /// Returns an error if a parameter is left.
    pub(crate) async fn list_nodes_by_role(&self, call: Call, roles: &Roles) -> Result<Reply, MethodError> {
        call.finish()?;
        let mut list = NodeList::default();
        if let Some(nodes) = self.shown_nodes().await? {
            for role in roles.rules {
                let of_role = nodes.iter().filter(|node| roles.read(&node.role).plays(role.name));
                list.by_role.insert(role.name.to_owned(), of_role.map(|node| node.view.id.clone()).collect());
            }
        }
        Ok(Reply::of(&list))
    }

    /// `get_service_info`: state, type, and why the last operation was undone, if it was.
    ///
    /// # Errors
    /// A parameter is left, or the database fails.
    pub(crate) async fn service_info(&self, call: Call) -> Result<Reply, MethodError> {
        self.service_info_as(call, self.kind_name).await
    }

    /// The same, for a kind whose type ConPaaS 2.0 writes in another way.
    ///
    /// # Errors
    /// As [`ServiceContext::service_info`].
    pub(crate) async fn service_info_as(&self, call: Call, kind: &str) -> Result<Reply, MethodError> {
        call.finish()?;
        let row = self.row().await?;
        Ok(Reply::of(&ServiceInfo { state: row.state, kind: kind.to_owned(), reason: row.last_failure }))
    }

    /// `get_node_info`: one of its nodes with the logs that nodes in its role offer besides the agent's
    /// own, and the flags by which the kind shows what the node is.
    ///
    /// # Errors
    /// No such node, or the database fails.
    pub(crate) async fn node_info(
        &self,
        call: Call,
        logs: fn(role: &str) -> &'static [LogFile],
        flags: fn(&NodeRow) -> BTreeMap<String, bool>,
    ) -> Result<Reply, MethodError> {
        let (node, logs) = self.node_and_logs(call, logs).await?;
        let shown = ServiceNode {
            logs,
            flags: flags(&node).into_iter().map(|(name, is_so)| (name, is_so.into())).collect(),
            id: node.view.id,
            ip: node.view.ip,
            vmid: node.view.vmid,
            cloud: node.view.cloud_name,
            role: node.role,
        };
        Ok(Reply::of(&NodeInfo { node: shown }))
    }

    /// Returns the node that a call of `get_node_info` names, and the logs that it offers.
    ///
    /// # Errors
    /// As [`ServiceContext::node_info`].
    pub(crate) async fn node_and_logs(
        &self,
        mut call: Call,
        logs: fn(role: &str) -> &'static [LogFile],
    ) -> Result<(NodeRow, Vec<LogView>), MethodError> {
        let nodes = self.nodes().await?;
        let node = take_node(&mut call, "serviceNodeId", &nodes)?.clone();
        call.finish()?;
        let logs = std::iter::once(&AGENT_LOG).chain(logs(&node.role)).map(LogFile::view).collect();
        Ok((node, logs))
    }

    /// Where its code versions lie.
    #[must_use]
    pub(crate) fn code_repository(&self) -> PathBuf {
        self.config.base.rooted(&self.config.code_repo).join(self.sid.to_string())
    }

    /// Adds a line to its log.
    pub(crate) fn note(&self, level: Level, text: &str) {
        let name = match self.sid {
            ServiceId::MANAGER => "conpaas.core.manager".to_owned(),
            sid => format!("conpaas.core.manager{sid}"),
        };
        self.log.line(level, &name, text);
    }
}

/// Takes a parameter that must be the id of one of `nodes`.
///
/// # Errors
/// It is missing or none of them.
pub(crate) fn take_node<'a>(call: &mut Call, name: &str, nodes: &'a [NodeRow]) -> Result<&'a NodeRow, MethodError> {
    let ids: Vec<&str> = nodes.iter().map(|node| node.view.id.as_str()).collect();
    let id = call.params.one_of(name, &ids)?;
    let found = nodes.iter().find(|node| id == node.view.id);
    found.ok_or_else(|| MethodError::refused("no such node"))
}

/// Seconds since 1970.
#[must_use]
pub(crate) fn now() -> f64 {
    chrono::Utc::now().timestamp_micros() as f64 / 1_000_000.0
}
