//! The scripts of all nodes of a generic service: run, and asked how far they are.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::calls;
use super::command::Command;
use crate::api::agent::{ScriptStatus, Scripts};
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::store::manager::NodeRow;

/// Has all agents run one of their scripts.
pub(crate) async fn execute(
    service: &ServiceContext,
    nodes: &[NodeRow],
    command: Command,
    parameters: &str,
) -> Result<(), MethodError> {
    let call = calls::execute_script(command, parameters, &calls::agents_info(nodes));
    let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_all(nodes, |_| call.clone()).await?;
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
