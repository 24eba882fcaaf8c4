//! The scripts of all nodes of a generic service: run, and asked how far they are.

use std::collections::BTreeMap;

use super::calls;
use super::command::Command;
use crate::api::agent::{Executed, MissingScript, ScriptStatus, Scripts};
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::store::manager::NodeRow;

/// Has all agents run one of their scripts.
///
/// # Errors
/// An agent does not answer, or no node has the script.
pub(crate) async fn execute(
    service: &ServiceContext,
    nodes: &[NodeRow],
    command: Command,
    parameters: &str,
) -> Result<(), MethodError> {
    let call = calls::execute_script(command, parameters, &calls::agents_info(nodes));
    let answers: Vec<Executed> = service.agents.call_all(nodes, |_| call.clone()).await?;
    if answers.iter().any(|answer| answer.missing.is_none()) {
        return Ok(());
    }
    let Some(missing) = answers.into_iter().find_map(|answer| answer.missing) else { return Ok(()) };
    Err(MethodError::refused(missing_text(&missing)))
}

fn missing_text(missing: &MissingScript) -> String {
    let MissingScript { name, similar } = missing;
    let text = format!("Script '{name}' does not exist at the top of the active code version");
    if similar.is_empty() {
        return format!("{text}. Add it, upload the code again and enable it.");
    }
    let similar: Vec<String> = similar.iter().map(|path| format!("'{}'", path.escape_debug())).collect();
    let similar = similar.join(", ");
    format!("{text}, but there is {similar}. Pack the code so that '{name}' lies at its top, upload and enable it.")
}

/// Returns the status of every script on every node, by node id.
pub(crate) async fn script_status(
    service: &ServiceContext,
) -> Result<BTreeMap<String, BTreeMap<String, ScriptStatus>>, MethodError> {
    let nodes = service.nodes().await?;
    let answers: Vec<Scripts> = service.agents.call_all(&nodes, |_| RpcCall::get(0, "get_script_status")).await?;
    Ok(std::iter::zip(nodes, answers).map(|(node, answer)| (node.view.id, answer.scripts)).collect())
}
