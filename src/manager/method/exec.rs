//! Commands in nodes: the manager passes them on to the node's agent, for nodes of the addressed service alone.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::exec::{ExecOutput, ExecStarted, ExecTaken};
use crate::manager::core::Manager;
use crate::model::ServiceId;
use crate::node::Level;
use crate::rpc::RpcCall;
use crate::service::{Call, MethodError, Reply, now, take_node};
use crate::store::manager::{self as store, NodePhase, NodeRow};
use crate::sys::excerpt::excerpt;

/// An agent that does not answer keeps nobody waiting.
const LIMIT: Duration = Duration::from_secs(30);
const MAX_ANSWER_BYTES: u64 = 1 << 20;
const MAX_SHOWN_CHARS: usize = 500;

/// Starts a command in a node.
pub(crate) async fn exec(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let node = take_own_node(&manager, sid, &mut call).await?;
    let command = call.params.required("command")?;
    let time_limit = call.params.positive("time_limit")?;
    let input = call.params.string_or("stdin", "")?;
    let is_stream = call.params.boolean_or("stream", false)?;
    let terminal = call.params.optional("terminal");
    call.finish()?;
    let caller = format!("user {}", manager.config.base.user_id);
    let words = excerpt(&command.to_string(), MAX_SHOWN_CHARS);
    manager.note(node.sid, Level::Info, &format!("exec for {caller} in node {}: {words}", node.view.id));
    let passed_on = RpcCall::post(0, "exec").param("command", command).param("time_limit", time_limit);
    let mut passed_on = passed_on.param("stdin", input).param("caller", caller);
    if is_stream {
        passed_on = passed_on.param("stream", true);
    }
    if let Some(terminal) = terminal {
        let (sid, opened) = (node.sid, format!("A terminal is opened in node {}", node.view.id));
        manager.store.write(move |tx| store::note_event(tx, sid, &opened, now())).await?;
        passed_on = passed_on.param("terminal", terminal);
    }
    pass_on::<ExecStarted>(&manager, &node, passed_on).await
}

/// Passes on what it is to read next.
pub(crate) async fn exec_input(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let node = take_own_node(&manager, sid, &mut call).await?;
    let passed_on = RpcCall::post(0, "exec_input").param("exec_id", call.params.string("exec_id")?);
    let passed_on = passed_on.param("input", call.params.string_or("input", "")?);
    let passed_on = passed_on.param("end", call.params.boolean_or("end", false)?);
    call.finish()?;
    pass_on::<ExecTaken>(&manager, &node, passed_on).await
}

/// Tells it how large the window of its caller is now.
pub(crate) async fn exec_resize(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let node = take_own_node(&manager, sid, &mut call).await?;
    let mut passed_on = RpcCall::post(0, "exec_resize").param("exec_id", call.params.string("exec_id")?);
    for name in ["columns", "rows"] {
        passed_on = passed_on.param(name, call.params.integer(name)?);
    }
    call.finish()?;
    pass_on::<serde_json::Map<String, serde_json::Value>>(&manager, &node, passed_on).await
}

/// Returns what it said.
pub(crate) async fn exec_output(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let node = take_own_node(&manager, sid, &mut call).await?;
    let mut passed_on = RpcCall::post(0, "exec_output").param("exec_id", call.params.string("exec_id")?);
    for name in ["stdout_cursor", "stderr_cursor"] {
        passed_on = passed_on.param(name, call.params.string_or(name, "")?);
    }
    call.finish()?;
    pass_on::<ExecOutput>(&manager, &node, passed_on.answered_within(MAX_ANSWER_BYTES)).await
}

/// Ends it.
pub(crate) async fn exec_stop(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let node = take_own_node(&manager, sid, &mut call).await?;
    let passed_on = RpcCall::post(0, "exec_stop").param("exec_id", call.params.string("exec_id")?);
    call.finish()?;
    pass_on::<serde_json::Map<String, serde_json::Value>>(&manager, &node, passed_on).await
}

/// Takes the node, which must be one of the service; of service 0 every node of the application.
async fn take_own_node(manager: &Arc<Manager>, sid: ServiceId, call: &mut Call) -> Result<NodeRow, MethodError> {
    let filter = (sid != ServiceId::MANAGER).then_some(sid);
    let mut nodes = manager.store.read(move |tx| store::list_nodes(tx, filter)).await?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    Ok(take_node(call, "agentId", &nodes)?.clone())
}

async fn pass_on<T: Serialize + DeserializeOwned>(
    manager: &Arc<Manager>,
    node: &NodeRow,
    call: RpcCall,
) -> Result<Reply, MethodError> {
    let service = manager.find_service(node.sid).await?;
    let service = service.ok_or_else(|| MethodError::refused("Service not found"))?;
    let answer: T = service.context.agents.call_within(LIMIT, node, &call).await?;
    Ok(Reply::of(&answer))
}
