//! Adding, starting, stopping and removing services.

use std::sync::Arc;

use serde_json::Value;

use super::parameters::{expect_credit, take_cloud, take_service};
use crate::api::manager::{ServiceIdView, StateView};
use crate::api::params::python_list;
use crate::manager::core::Manager;
use crate::manager::operation::{self, Task};
use crate::model::{ServiceId, State};
use crate::service::{Call, KINDS, MethodError, Reply, find_kind, now};
use crate::store::manager as store;

pub(crate) async fn add_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let kinds: Vec<Value> = KINDS.iter().map(|kind| kind.name.into()).collect();
    let named = call.params.one_of("service_type", &kinds, &python_list(&kinds))?;
    call.finish()?;
    let kind = find_kind(named.as_str().unwrap_or_default());
    let kind = kind.ok_or_else(|| MethodError::refused("no such type of service"))?;
    let settings = kind.manager.first_settings()?.into_text();
    let sid = manager.adapting(move |tx| {
        let sid = store::insert_service(tx, None, kind.name)?;
        store::set_service_settings(tx, sid, settings.as_deref())?;
        store::add_history(tx, sid, State::Init, "", now())?;
        Ok(sid)
    });
    let sid = sid.await?;
    manager.log_state(sid, State::Init, "");
    if let Some(service) = manager.find_service(sid).await?
        && let Err(error) = kind.manager.on_add_service(&service.context).await
    {
        manager.store.write(move |tx| store::delete_service(tx, sid)).await?;
        return Err(error);
    }
    Ok(Reply::of(&ServiceIdView { service_id: sid }))
}

pub(crate) async fn remove_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let row = take_service(&manager, &mut call, "service_id").await?.row;
    call.finish()?;
    operation::submit(&manager, row.sid, Task::RemoveService, &State::ALL, State::Epilogue, "Removing the service")
        .await?;
    Ok(Reply::nothing())
}

pub(crate) async fn start_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let service = take_service(&manager, &mut call, "service_id").await?.context;
    let cloud = take_cloud(&mut call)?;
    call.finish()?;
    const ALLOWED: &[State] = &[State::Init, State::Stopped];
    service.expect_state(ALLOWED).await?;
    expect_credit(&manager).await?;
    let task = Task::StartService { cloud: cloud.to_string() };
    operation::submit(&manager, service.sid, task, ALLOWED, State::Prologue, "").await?;
    Ok(Reply::of(&StateView { state: State::Prologue }))
}

pub(crate) async fn stop_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let row = take_service(&manager, &mut call, "service_id").await?.row;
    call.finish()?;
    let state = stop(&manager, row.sid, row.state).await?;
    Ok(Reply::of(&StateView { state }))
}

/// Stops every service; the first that refuses ends it with its words, after all were asked.
pub(crate) async fn stopall(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let rows = manager.store.read(store::list_services).await?;
    let mut outcome = Ok(Reply::nothing());
    for row in rows.into_iter().filter(|row| row.sid != ServiceId::MANAGER && row.state != State::Stopped) {
        if let Err(error) = stop(&manager, row.sid, row.state).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// A service that never had nodes is stopped at once, one that is being stopped goes on.
async fn stop(manager: &Arc<Manager>, sid: ServiceId, state: State) -> Result<State, MethodError> {
    match state {
        State::Init => {
            manager.store.write(move |tx| store::set_state(tx, sid, State::Stopped, "", now())).await?;
            manager.log_state(sid, State::Stopped, "");
            Ok(State::Stopped)
        }
        State::Epilogue | State::Stopped => Ok(state),
        _ => {
            const ALLOWED: &[State] = &[State::Prologue, State::Running, State::Adapting, State::Error];
            operation::submit(manager, sid, Task::StopService, ALLOWED, State::Epilogue, "").await?;
            Ok(State::Epilogue)
        }
    }
}
