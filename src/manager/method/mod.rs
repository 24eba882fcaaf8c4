//! The methods of service 0 and those that every service has (reference:
//! `docs/reference/manager-api.md` §3 and §4).

mod about;
mod git;
mod nodes;
mod services;
mod startup;
mod volumes;

use std::sync::Arc;

use serde_json::Value;

use super::core::Manager;
use crate::api::params::python_list;
use crate::model::ServiceId;
use crate::service::{Call, Method, MethodError, Reply, ServiceContext};
use crate::store::manager::{self as store, ServiceRow};

/// Methods of every service, the manager itself included.
pub(crate) const COMMON: &[Method] =
    &[Method::get("get_service_history"), Method::get("get_manager_log"), Method::get("get_agent_log")];

/// Methods of the manager itself.
pub(crate) const OWN: &[Method] = &[
    Method::get("check_process"),
    Method::get("get_app_info"),
    Method::post("add_service"),
    Method::post("remove_service"),
    Method::post("start_service"),
    Method::post("stop_service"),
    Method::post("add_nodes"),
    Method::post("remove_nodes"),
    Method::post("create_volume"),
    Method::post("delete_volume"),
    Method::post("list_volumes"),
    Method::upload("upload_startup_script"),
    Method::get("get_startup_script"),
    Method::post("git_push_hook"),
    Method::post("stopall"),
];

/// Calls one of [`COMMON`] or [`OWN`] of service 0.
pub(crate) async fn call_own(manager: &Arc<Manager>, method: &str, call: Call) -> Result<Reply, MethodError> {
    match method {
        "check_process" => call.finish().map(|()| Reply::nothing()).map_err(MethodError::from),
        "get_app_info" => about::get_app_info(manager, call).await,
        "add_service" => services::add_service(manager, call).await,
        "remove_service" => services::remove_service(manager, call).await,
        "start_service" => services::start_service(manager, call).await,
        "stop_service" => services::stop_service(manager, call).await,
        "stopall" => services::stopall(manager, call).await,
        "add_nodes" => nodes::add_nodes(manager, call).await,
        "remove_nodes" => nodes::remove_nodes(manager, call).await,
        "create_volume" => volumes::create_volume(manager, call).await,
        "delete_volume" => volumes::delete_volume(manager, call).await,
        "list_volumes" => volumes::list_volumes(manager, call).await,
        "upload_startup_script" => startup::upload_startup_script(manager, call).await,
        "get_startup_script" => startup::get_startup_script(manager, call).await,
        "git_push_hook" => git::git_push_hook(manager, call).await,
        common => call_common(manager, ServiceId::MANAGER, common, call).await,
    }
}

/// Calls one of [`COMMON`].
pub(crate) async fn call_common(
    manager: &Arc<Manager>,
    sid: ServiceId,
    method: &str,
    call: Call,
) -> Result<Reply, MethodError> {
    match method {
        "get_service_history" => about::get_service_history(manager, sid, call).await,
        "get_manager_log" => about::get_manager_log(manager, sid, call).await,
        _ => about::get_agent_log(manager, sid, call).await,
    }
}

/// Takes a parameter that must be the id of a service; the manager itself is
/// in upstream's list, and is refused here with a word of its own.
async fn take_service(
    manager: &Manager,
    call: &mut Call,
    name: &str,
) -> Result<(ServiceRow, ServiceContext), MethodError> {
    let rows = manager.store.read(store::list_services).await?;
    let ids: Vec<Value> = rows.iter().map(|row| row.sid.0.into()).collect();
    // Uploads carry texts only.
    let given = match call.params.optional(name) {
        Some(Value::String(text)) => text.trim().parse::<i64>().map_or(Value::String(text), Value::from),
        Some(other) => other,
        None => return Err(crate::api::params::missing(name).into()),
    };
    let Some(row) = rows.into_iter().find(|row| given == row.sid.0) else {
        let shown = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        return Err(crate::api::params::bad(name, &format!("'{shown}' must be one of {}", python_list(&ids))).into());
    };
    match manager.service(&row) {
        Some(service) => Ok((row, service)),
        None if row.sid == ServiceId::MANAGER => {
            Err(MethodError::refused("Service 0 is the application manager itself: stop the application instead"))
        }
        None => Err(MethodError::refused(format!("services of type '{}' are not built in", row.kind))),
    }
}

/// Refuses what costs credit when none is left.
async fn expect_credit(manager: &Manager) -> Result<(), MethodError> {
    let credit = manager.director.credit().await.map_err(|error| MethodError::refused(crate::sys::chain(&error)))?;
    if credit > 0 { Ok(()) } else { Err(MethodError::refused(crate::api::texts::INSUFFICIENT_CREDITS)) }
}
