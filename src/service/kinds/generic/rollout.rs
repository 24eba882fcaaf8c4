//! What the manager has the agents of a generic service do.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::rpc::RpcCall;
use crate::service::code;
use crate::service::context::ServiceContext;
use crate::service::manager_side::WorkError;
use crate::service::method::MethodError;
use crate::store::manager::NodeRow;

/// Sending an archive to a Pi and unpacking it there takes its time.
const CODE_LIMIT: Duration = Duration::from_secs(600);
/// Agents that are sent code at once: each holds a connection and reads the same file.
const CODE_AT_ONCE: usize = 4;

/// Tells agents who they and the others are.
pub(crate) async fn init_agents(service: &ServiceContext, all: &[NodeRow], nodes: &[NodeRow]) -> Result<(), WorkError> {
    let info = agents_info(all);
    let call = |node: &NodeRow| {
        RpcCall::post(0, "init_agent").param("agents_info", info.as_str()).param("ip", node.view.ip.as_str())
    };
    service.agents.call_all(nodes, call).await?;
    Ok(())
}

/// Gives agents a code version, by default the active one; they run `init.sh`.
pub(crate) async fn update_code(
    service: &ServiceContext,
    nodes: &[NodeRow],
    version: Option<&str>,
) -> Result<(), WorkError> {
    use futures_util::{StreamExt, stream};
    let deployment = code::deployment(service, version).await?;
    let call = RpcCall::upload(0, "update_code")
        .param("filetype", deployment.filetype.as_str())
        .param("codeVersionId", deployment.version.as_str())
        .file("file", &deployment.path, &deployment.version);
    let calls = nodes.iter().cloned().map(|node| {
        let call = call.clone();
        async move { service.agents.call_within(CODE_LIMIT, &node, &call).await }
    });
    let calls: Vec<_> = calls.collect();
    let outcomes: Vec<_> = stream::iter(calls).buffered(CODE_AT_ONCE).collect().await;
    let failures: Vec<String> = outcomes.into_iter().filter_map(|outcome| Some(outcome.err()?.to_string())).collect();
    if failures.is_empty() { Ok(()) } else { Err(MethodError::refused(failures.join("; "))) }
}

/// Has agents run one of their scripts; `all` is what they are told of the service.
pub(crate) async fn execute(
    service: &ServiceContext,
    all: &[NodeRow],
    nodes: &[NodeRow],
    command: &str,
    parameters: &str,
) -> Result<(), WorkError> {
    let info = agents_info(all);
    let call = |_: &NodeRow| {
        RpcCall::post(0, "execute_script")
            .param("command", command)
            .param("parameters", parameters)
            .param("agents_info", info.as_str())
    };
    service.agents.call_all(nodes, call).await?;
    Ok(())
}

/// The status of every script on every node, by node id.
pub(crate) async fn script_status(service: &ServiceContext) -> Result<Map<String, Value>, MethodError> {
    let nodes = service.nodes().await?;
    let answers = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_script_status")).await?;
    let scripts = |answer: Value| answer.get("scripts").cloned().unwrap_or_default();
    Ok(std::iter::zip(nodes, answers).map(|(node, answer)| (node.view.id, scripts(answer))).collect())
}

fn agents_info(nodes: &[NodeRow]) -> String {
    let agents: Vec<Value> =
        nodes.iter().map(|node| json!({ "id": node.view.id, "ip": node.view.ip, "role": node.role })).collect();
    Value::from(agents).to_string()
}
