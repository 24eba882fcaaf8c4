//! What the manager has the agents of a generic service do.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::command::Command;
use crate::api::agent::{AgentInfo, ScriptStatus, Scripts};
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::manager_side::WorkError;
use crate::service::reply::MethodError;
use crate::store::manager::NodeRow;

/// Tells agents who they and the others are.
pub(crate) async fn init_agents(service: &ServiceContext, all: &[NodeRow], nodes: &[NodeRow]) -> Result<(), WorkError> {
    let info = agents_info(all);
    let call = |node: &NodeRow| {
        RpcCall::post(0, "init_agent").param("agents_info", info.as_str()).param("ip", node.view.ip.as_str())
    };
    let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_all(nodes, call).await?;
    Ok(())
}

/// Has agents run one of their scripts; `all` is what they are told of the service.
pub(crate) async fn execute(
    service: &ServiceContext,
    all: &[NodeRow],
    nodes: &[NodeRow],
    command: Command,
    parameters: &str,
) -> Result<(), WorkError> {
    let info = agents_info(all);
    let call = |_: &NodeRow| {
        RpcCall::post(0, "execute_script")
            .param("command", command.as_str())
            .param("parameters", parameters)
            .param("agents_info", info.as_str())
    };
    let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_all(nodes, call).await?;
    Ok(())
}

/// Returns the status of every script on every node, by node id.
pub(crate) async fn script_status(
    service: &ServiceContext,
) -> Result<BTreeMap<String, BTreeMap<String, ScriptStatus>>, MethodError> {
    let nodes = service.nodes().await?;
    let answers: Vec<Scripts> = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_script_status")).await?;
    Ok(std::iter::zip(nodes, answers).map(|(node, answer)| (node.view.id, answer.scripts)).collect())
}

fn agents_info(nodes: &[NodeRow]) -> String {
    let info =
        |node: &NodeRow| AgentInfo { id: node.view.id.clone(), ip: node.view.ip.clone(), role: node.role.clone() };
    let agents: Vec<AgentInfo> = nodes.iter().map(info).collect();
    serde_json::to_string(&agents).expect("three texts are plain data")
}
