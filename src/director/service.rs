//! Services (`docs/reference/director-api.md` §3.4). Their life is their manager's; the
//! director keeps name, kind and id.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::Failure;
use super::http::routes::Call;
use super::state::{Director, OperationKey};
use super::{manager_calls, views};
use crate::api::{ServiceAndApplication, texts};
use crate::model::{ApplicationId, CloudName, ServiceId};
use crate::rpc::{Response, RpcCall};
use crate::service as kinds;
use crate::store::director::node::Node;
use crate::store::director::service::Service;
use crate::store::director::{application, node, service};
use crate::sys::chain;
use crate::task::crash_point;

const MAX_NAME_CHARS: usize = 256;

pub(crate) async fn add(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let kind = call.arguments.first().cloned().unwrap_or_default();
    let oldest =
        director.store.read(move |tx| Ok::<_, Failure>(application::list(tx, uid)?.into_iter().next())).await?;
    let oldest = oldest.ok_or_else(|| Failure::application(texts::NO_APPLICATIONS))?;
    if !kinds::kind_names().contains(&kind.as_str()) {
        return Err(Failure::Application(texts::unknown_service_type(&kind)));
    }
    let shown = call.form.filled("appid").map_or_else(|| oldest.aid.to_string(), str::to_owned);
    let aid = shown.parse().map_err(|_| Failure::Application(texts::application_id_not_found(&shown)))?;
    let (owner, node) = manager_calls::find(&director, uid, aid, &shown).await?;
    let worker = Arc::clone(&director);
    let manager = node.clone();
    let added = director.detached("add a service", async move { add_to(&worker, &manager, &kind).await }).await;
    let added = added.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    tracing::info!(app.id = aid.0, service.id = added.sid.0, service.kind = added.kind, "service added");
    Ok(Response::json_pretty(&views::service(&added, views::application(&owner, Some(&node)))))
}

pub(crate) async fn rename(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, _) = ids(&call)?;
    let name = call.form.filled("name").ok_or_else(|| Failure::application(texts::NAME_REQUIRED))?.to_owned();
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let text = format!("A service's name is at most {MAX_NAME_CHARS} printable characters");
        return Err(Failure::Application(text));
    }
    let uid = call.user();
    director
        .store
        .write(move |tx| {
            let owner = application::owned(tx, aid, uid)?;
            let found = owner.map(|owner| service::get(tx, owner.aid, sid)).transpose()?.flatten();
            let found = found.ok_or_else(|| Failure::application(texts::INVALID_SERVICE_ID))?;
            Ok::<_, Failure>(service::rename(tx, found.rec_id, &name)?)
        })
        .await?;
    Ok(Response::json_pretty(&true))
}

pub(crate) async fn remove(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, shown) = ids(&call)?;
    let (_, node) = manager_calls::find(&director, call.user(), aid, &shown).await?;
    let found = director.store.read(move |tx| Ok::<_, Failure>(service::get(tx, aid, sid)?)).await?;
    let worker = Arc::clone(&director);
    let done = director.detached("remove a service", async move {
        remove_from(&worker, &node, sid, found.map(|found| found.rec_id)).await
    });
    done.await.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    tracing::info!(app.id = aid.0, service.id = sid.0, "service removed");
    Ok(Response::json_pretty(&json!({})))
}

/// All services of the caller, or of one of his applications.
pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let only = if call.arguments.is_empty() { None } else { Some(call.application_argument()) };
    let views = director
        .store
        .read(move |tx| {
            let nodes = node::up_of_user(tx, uid)?;
            let manager = |aid| nodes.iter().find(|node| node.wanted.aid == aid && node.wanted.program == "manager");
            let owners: HashMap<ApplicationId, _> = application::list(tx, uid)?
                .into_iter()
                .map(|owner| (owner.aid, views::application(&owner, manager(owner.aid))))
                .collect();
            let services = service::list(tx, uid, only)?;
            let view = |found: &Service| Some(views::service(found, owners.get(&found.aid)?.clone()));
            Ok::<_, Failure>(services.iter().filter_map(view).collect::<Vec<ServiceAndApplication>>())
        })
        .await?;
    Ok(Response::json_line(&views))
}

/// Services that an earlier run of the director was adding: rows and their
/// applications. To be read before this run adds any itself.
pub(crate) async fn unfinished(director: &Director) -> Result<Vec<(i64, ApplicationId)>, Failure> {
    director.store.read(|tx| Ok::<_, Failure>(service::unfinished(tx)?)).await
}

/// Undoes what a crash left of adding services to applications whose manager
/// is in `cloud` (or in none that there is): what a manager has and no row
/// names is removed from it.
pub(crate) async fn undo_unfinished(
    director: &Director,
    unfinished: &[(i64, ApplicationId)],
    cloud: Option<&CloudName>,
) {
    for (rec_id, aid) in unfinished.iter().copied() {
        let manager = director.store.read(move |tx| Ok::<_, Failure>(node::manager(tx, aid)?)).await;
        let place = manager.ok().flatten().map(|node| node.wanted.cloud);
        if place.filter(|place| director.clouds.get(place).is_ok()).as_ref() != cloud {
            continue;
        }
        if let Err(error) = undo_adding(director, rec_id, aid).await {
            tracing::warn!(app.id = aid.0, error = %chain(&error), "cannot undo the adding of a service yet");
        }
    }
}

async fn undo_adding(director: &Director, rec_id: i64, aid: ApplicationId) -> Result<(), Failure> {
    let node = director.store.read(move |tx| Ok::<_, Failure>(node::manager(tx, aid)?)).await?;
    if let Some(node) = node {
        let uid = node.wanted.uid;
        let known = director.store.read(move |tx| Ok::<_, Failure>(service::list(tx, uid, Some(aid))?)).await?;
        for sid in service_ids(director, &node).await? {
            if !known.iter().any(|found| found.sid == sid) {
                manager_calls::call(director, &node, &RpcCall::post(0, "remove_service").param("service_id", sid.0))
                    .await?;
            }
        }
    }
    director.store.write(move |tx| Ok::<_, Failure>(service::delete(tx, rec_id)?)).await
}

async fn add_to(director: &Director, node: &Node, kind: &str) -> Result<Service, Failure> {
    let (aid, new_kind) = (node.wanted.aid, kind.to_owned());
    // Two at once would not know which of the manager's new services is whose after a crash.
    let _one_at_a_time = director.operations.hold(&OperationKey::Services(aid)).await;
    let rec_id = director
        .store
        .write(move |tx| Ok::<_, Failure>(service::begin_adding(tx, aid, &new_kind, &views::utc_now())?))
        .await?;
    crash_point("add_service.recorded");
    let answer =
        manager_calls::call(director, node, &RpcCall::post(0, "add_service").param("service_type", kind)).await;
    crash_point("add_service.added");
    let sid = match answer.map(|answer| answer.get("service_id").and_then(Value::as_i64)) {
        Ok(Some(sid)) => ServiceId(sid),
        Ok(None) => return Err(Failure::application("The manager did not say the new service's id")),
        Err(failure) => {
            undo_adding(director, rec_id, aid).await?;
            return Err(failure);
        }
    };
    let added = director.store.write(move |tx| Ok::<_, Failure>(service::finish_adding(tx, rec_id, sid)?)).await?;
    added.ok_or_else(|| Failure::application("The application was stopped while the service was added"))
}

async fn remove_from(director: &Director, node: &Node, sid: ServiceId, rec_id: Option<i64>) -> Result<(), Failure> {
    let _one_at_a_time = director.operations.hold(&OperationKey::Services(node.wanted.aid)).await;
    let removed =
        manager_calls::call(director, node, &RpcCall::post(0, "remove_service").param("service_id", sid.0)).await;
    crash_point("remove_service.removed");
    if let Err(failure) = removed {
        // A repeated removal finds the service gone from the manager: only the row is left to go.
        let is_gone = rec_id.is_some() && !service_ids(director, node).await?.contains(&sid);
        if !is_gone {
            return Err(failure);
        }
    }
    match rec_id {
        Some(rec_id) => director.store.write(move |tx| Ok::<_, Failure>(service::delete(tx, rec_id)?)).await,
        None => Ok(()),
    }
}

/// The ids of all services that a manager has, without its own 0.
async fn service_ids(director: &Director, node: &Node) -> Result<Vec<ServiceId>, Failure> {
    let info = manager_calls::call(director, node, &RpcCall::get(0, "get_app_info")).await?;
    let states = info.get("states").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok(states.keys().filter_map(|key| key.parse().ok()).filter(|sid| *sid != ServiceId::MANAGER).collect())
}

/// The application's and the service's id, and the application's as written.
fn ids(call: &Call) -> Result<(ApplicationId, ServiceId, String), Failure> {
    let text = |name: &str| call.form.filled(name).map(str::trim);
    let shown = text("app_id").unwrap_or_default().to_owned();
    match (shown.parse(), text("service_id").map(str::parse)) {
        (Ok(aid), Some(Ok(sid))) => Ok((aid, sid, shown)),
        _ => Err(Failure::application(texts::BAD_IDS)),
    }
}
