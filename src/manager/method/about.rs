//! Methods that only tell: state, history, logs; and the one that is told where the director is.

use std::sync::Arc;

use crate::api::manager::{AppInfo, LogText, ServiceHistory, StateChange};
use crate::api::params::one_of;
use crate::api::{KNOWN, WAIT_FOR, wait_for};
use crate::manager::core::Manager;
use crate::model::ServiceId;
use crate::rpc::RpcCall;
use crate::service::{AGENT_LOG, Call, LogFile, LogPart, MAX_LOG_ANSWER_BYTES, MethodError, Reply, take_node};
use crate::store::StoreError;
use crate::store::manager::{self as store, HistoryRow, NodePhase};
use crate::sys;
use crate::task::poll;

pub(crate) async fn check_process(_manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::nothing())
}

/// Takes the director's word that it has moved.
pub(crate) async fn set_director_url(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let url = call.director_url()?;
    call.finish()?;
    sys::blocking(move || manager.director.move_to(&url)).await?;
    Ok(Reply::nothing())
}

/// Takes the director's word on which nodes of the application are wanted.
pub(crate) async fn set_wanted_nodes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let said = call.wanted_nodes()?;
    call.finish()?;
    sys::blocking(move || manager.director.learn_nodes(&said)).await?;
    Ok(Reply::nothing())
}

pub(crate) async fn get_app_info(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let found = manager.store.read(|tx| {
        Ok::<_, StoreError>((store::list_services(tx)?, store::list_nodes(tx, None)?, store::list_volumes(tx, None)?))
    });
    let (services, nodes, volumes) = found.await?;
    let states = services.into_iter().map(|row| (row.sid, row.state)).collect();
    let active = nodes.into_iter().filter(|node| node.phase == NodePhase::Active);
    let nodes = active.map(|node| node.view.id).collect();
    let volumes = volumes.into_iter().map(|volume| volume.name).collect();
    Ok(Reply::of(&AppInfo { states, nodes, volumes }))
}

/// Answers what happened to a service; to who knows so many entries already, once there are others, or after `wait_for`
/// seconds.
pub(crate) async fn get_service_history(
    manager: Arc<Manager>,
    sid: ServiceId,
    mut call: Call,
) -> Result<Reply, MethodError> {
    let known = call.params.integer_or(KNOWN, -1)?;
    let wait = wait_for(call.params.integer_or(WAIT_FOR, 0)?);
    call.finish()?;
    let read = || manager.store.read(move |tx| store::history(tx, sid));
    let look = || async {
        let history = read().await?;
        let is_news = i64::try_from(history.len()) != Ok(known);
        Ok::<_, MethodError>(is_news.then_some(history))
    };
    let history = match poll::until(poll::OWN_RECORDS, wait, look).await? {
        Some(history) => history,
        None => read().await?,
    };
    let change = |entry: HistoryRow| StateChange { time: entry.time, state: entry.state, reason: entry.reason };
    Ok(Reply::of(&ServiceHistory { state_log: history.into_iter().map(change).collect() }))
}

pub(crate) async fn get_manager_log(
    manager: Arc<Manager>,
    sid: ServiceId,
    mut call: Call,
) -> Result<Reply, MethodError> {
    let part = LogPart::take(&mut call)?;
    call.finish()?;
    let path = manager.log(sid).path().to_owned();
    Ok(Reply::of(&part.read(path, MethodError::refused("Failed to read log")).await?))
}

/// Service 0 has no nodes of its own: there every node of the application is meant.
pub(crate) async fn get_agent_log(manager: Arc<Manager>, sid: ServiceId, mut call: Call) -> Result<Reply, MethodError> {
    let filter = (sid != ServiceId::MANAGER).then_some(sid);
    let mut nodes = manager.store.read(move |tx| store::list_nodes(tx, filter)).await?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    let node = take_node(&mut call, "agentId", &nodes)?.clone();
    let filename = call.params.string_or("filename", "")?;
    let part = LogPart::take(&mut call)?;
    call.finish()?;
    let owner = manager.find_service(node.sid).await?;
    let Some(service) = owner else { return Err(MethodError::refused("Service not found")) };
    let log = choose_log(service.kind.manager.logs(&node.role), &filename)?;
    let mut call = RpcCall::get(0, "get_log").answered_within(MAX_LOG_ANSWER_BYTES);
    if let Some(log) = log {
        call = call.param("filename", log.path);
    }
    if let Some(cursor) = part.parameter() {
        call = call.param("cursor", cursor);
    }
    let log: LogText = service.context.agents.call(&node, &call).await?;
    Ok(Reply::of(&log))
}

/// `None` is the agent's own log, wherever the agent has it; no name means it.
fn choose_log(offered: &'static [LogFile], filename: &str) -> Result<Option<&'static LogFile>, MethodError> {
    if filename.is_empty() || filename == AGENT_LOG.filename {
        return Ok(None);
    }
    if let Some(log) = offered.iter().find(|log| filename == log.filename) {
        return Ok(Some(log));
    }
    let names: Vec<&str> = std::iter::once(&AGENT_LOG).chain(offered).map(|log| log.filename).collect();
    one_of("filename", &filename.into(), &names)?;
    Ok(None)
}
