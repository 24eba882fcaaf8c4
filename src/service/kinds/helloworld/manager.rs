//! The manager's side: one role, and a method that asks every node.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::api::agent::Greeting;
use crate::api::manager::{Greetings, NodeList};
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::manager_side::{ManagerKind, NodeSettings};
use crate::service::method::{Method, get};
use crate::service::plan::{Action, Deed, NodePlan, Part, PlanInput};
use crate::service::reply::Reply;
use crate::service::role::{Removal, Role, Roles};
use crate::service::settings::{Document, Settings};
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(get_node_info(service, call))),
    get("get_helloworld", |service, call| Box::pin(get_helloworld(service, call))),
];

const ROLES: Roles = Roles {
    rules: &[Role { name: "node", added_as: "node", removal: Removal::Keep(1) }],
    default: "node",
    at_start: &[("node", 1)],
    packed: &[],
    separator: "",
};

pub(super) struct Helloworld;

/// What a helloworld service says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HelloworldSettings {
    text: String,
}

impl Default for HelloworldSettings {
    fn default() -> Self {
        HelloworldSettings { text: "helloworld".to_owned() }
    }
}

impl Settings for HelloworldSettings {}

#[async_trait]
impl ManagerKind for Helloworld {
    fn roles(&self) -> &'static Roles {
        &ROLES
    }

    fn first_settings(&self) -> Result<Document, MethodError> {
        Document::of(&HelloworldSettings::default())
    }

    fn context(&self, settings: &Document) -> Result<NodeSettings, MethodError> {
        let settings: HelloworldSettings = settings.read()?;
        Ok(NodeSettings::from([("STRING", settings.text)]))
    }

    fn plan(&self, input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
        let settings: HelloworldSettings = input.settings.read()?;
        let plan = |node: &NodeRow| {
            let started = Action { stage: 0, deed: Deed::Call(RpcCall::post(0, "startup")) };
            let wanted = settings.text.clone();
            let part = Part { name: "startup", wanted, first: started.clone(), change: started, stop: None };
            NodePlan { node: node.clone(), parts: vec![part] }
        };
        Ok(input.nodes.iter().map(plan).collect())
    }

    fn logs(&self, _role: &str) -> &'static [LogFile] {
        &[]
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
    service.expect_state(State::CALLABLE).await?;
    let nodes = service.nodes().await?;
    let texts: Vec<Greeting> = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_helloworld")).await?;
    let lines: Vec<String> = std::iter::zip(&nodes, texts)
        .map(|(node, greeting)| format!("Received {} from {}", greeting.result, node.view.id))
        .collect();
    Ok(Reply::of(&Greetings { helloworld: lines.join("\n") }))
}
