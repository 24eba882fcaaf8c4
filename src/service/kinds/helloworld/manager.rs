//! The manager's side: one role, and a method that asks every node.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::kind::LogFile;
use crate::service::manager_side::{Counts, ManagerKind, WantedNode, WorkError, last_nodes};
use crate::service::method::{Call, Method, MethodError, Reply};
use crate::store::manager::NodeRow;

const METHODS: &[Method] = &[
    Method::get("get_service_info"),
    Method::get("list_nodes"),
    Method::get("get_node_info"),
    Method::get("get_helloworld"),
];

pub(crate) struct Helloworld;

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

    fn context(&self) -> Map<String, Value> {
        Map::from_iter([("STRING".to_owned(), "helloworld".into())])
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
        service.agents.call_all(added, |_| RpcCall::post(0, "startup")).await?;
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

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    async fn call(&self, service: &ServiceContext, method: &str, call: Call) -> Result<Reply, MethodError> {
        match method {
            "get_service_info" => service.service_info(call, "helloworld").await,
            "list_nodes" => list_nodes(service, call).await,
            "get_node_info" => service.node_info(call, |_| Map::new()).await,
            _ => get_helloworld(service, call).await,
        }
    }
}

async fn list_nodes(service: &ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let Some(nodes) = service.shown_nodes().await? else { return Ok(Reply::nothing()) };
    let ids: Vec<&str> = nodes.iter().map(|node| node.view.id.as_str()).collect();
    Ok(Reply::Value(json!({ "helloworld": ids })))
}

async fn get_helloworld(service: &ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let texts = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_helloworld")).await?;
    let lines: Vec<String> = std::iter::zip(&nodes, texts)
        .map(|(node, text)| {
            let text = text.get("result").and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("Received {text} from {}", node.view.id)
        })
        .collect();
    Ok(Reply::Value(json!({ "helloworld": lines.join("\n") })))
}
