//! The calls by which the manager has agents of a generic service do something.

use serde_json::{Map, Value};

use super::command::Command;
use crate::api::agent::AgentInfo;
use crate::api::environment::Variables;
use crate::rpc::RpcCall;
use crate::store::manager::NodeRow;

/// Returns what agents and scripts are told of the nodes of their service.
pub(super) fn agents_info(nodes: &[NodeRow]) -> String {
    let info =
        |node: &NodeRow| AgentInfo { id: node.view.id.clone(), ip: node.view.ip.clone(), role: node.role.clone() };
    let agents: Vec<AgentInfo> = nodes.iter().map(info).collect();
    serde_json::to_string(&agents).expect("three texts are plain data")
}

/// Tells an agent who it and the others are.
pub(super) fn init_agent(node: &NodeRow, agents_info: &str) -> RpcCall {
    RpcCall::post(0, "init_agent").param("agents_info", agents_info).param("ip", node.view.ip.as_str())
}

/// Has an agent run a script.
pub(super) fn execute_script(command: Command, parameters: &str, agents_info: &str) -> RpcCall {
    RpcCall::post(0, "execute_script")
        .param("command", command.as_str())
        .param("parameters", parameters)
        .param("agents_info", agents_info)
}

/// The method by which an agent is told the environment of its scripts.
pub(super) const SET_ENVIRONMENT: &str = "set_environment";

/// Tells an agent the environment of its scripts.
pub(super) fn set_environment(variables: &Variables) -> RpcCall {
    let params = environment_params(variables).into_iter();
    params.fold(RpcCall::post(0, SET_ENVIRONMENT), |call, (name, value)| call.param(&name, value))
}

/// Returns the parameters of that call.
pub(super) fn environment_params(variables: &Variables) -> Map<String, Value> {
    let values = variables.0.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    Map::from_iter([("environment".to_owned(), Value::Object(values.collect()))])
}
