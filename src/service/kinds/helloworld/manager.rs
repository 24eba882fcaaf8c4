//! The manager's side: one role, and a method that asks every node.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::de::IgnoredAny;

use crate::api::agent::Greeting;
use crate::api::manager::{Greetings, NodeList};
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::log_file::LogFile;
use crate::service::manager_side::{Counts, ManagerKind, NodeSettings, WantedNode, WorkError, last_nodes};
use crate::service::method::{Method, get};
use crate::service::reply::{MethodError, Reply};
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(get_node_info(service, call))),
    get("get_helloworld", |service, call| Box::pin(get_helloworld(service, call))),
];

pub(super) struct Helloworld;

#[async_trait]
impl ManagerKind for Helloworld {
    fn roles(&self) -> &'static [&'static str] {
        &["node"]
    }

    fn default_role(&self) -> &'static str {
        "node"
    }

    async fn nodes_at_start(&self, _service: &ServiceContext) -> Result<Vec<WantedNode>, WorkError> {
        Ok(vec![WantedNode::of_role("node")])
    }

    async fn context(&self, _service: &ServiceContext) -> Result<NodeSettings, WorkError> {
        Ok(NodeSettings::from([("STRING", "helloworld".to_owned())]))
    }

    fn logs(&self, _role: &str) -> &'static [LogFile] {
        &[]
    }

    fn plan_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<Vec<String>, MethodError> {
        let nodes: Vec<&NodeRow> = nodes.iter().collect();
        last_nodes(&nodes, counts.iter().map(|(_, n)| n).sum(), 1, "")
    }

    async fn on_start(&self, service: &ServiceContext, nodes: &[NodeRow]) -> Result<(), WorkError> {
        self.on_add_nodes(service, &[], nodes).await
    }

    async fn on_add_nodes(
        &self,
        service: &ServiceContext,
        _before: &[NodeRow],
        added: &[NodeRow],
    ) -> Result<(), WorkError> {
        let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_all(added, |_| RpcCall::post(0, "startup")).await?;
        Ok(())
    }

    async fn on_remove_nodes(
        &self,
        _service: &ServiceContext,
        _left: &[NodeRow],
        _removed: &[NodeRow],
    ) -> Result<(), WorkError> {
        Ok(())
    }

    fn methods(&self) -> &'static [Method<ServiceContext>] {
        METHODS
    }
}

async fn get_service_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.service_info(call).await
}

async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let mut list = NodeList::default();
    if let Some(nodes) = service.shown_nodes().await? {
        let ids = nodes.into_iter().map(|node| node.view.id).collect();
        list.by_role.insert("helloworld".to_owned(), ids);
    }
    Ok(Reply::of(&list))
}

async fn get_node_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.node_info(call, |_| &[], |_| BTreeMap::new()).await
}

async fn get_helloworld(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let texts: Vec<Greeting> = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_helloworld")).await?;
    let lines: Vec<String> = std::iter::zip(&nodes, texts)
        .map(|(node, greeting)| format!("Received {} from {}", greeting.result, node.view.id))
        .collect();
    Ok(Reply::of(&Greetings { helloworld: lines.join("\n") }))
}
