//! Services. Their life is their manager's; the director keeps name, kind and id.
//!
//! A service that is added is recorded before its manager hears of it. Must not know: requests and answers.

use std::collections::HashMap;
use std::sync::Arc;

use super::application::{WithManager, with_managers};
use super::error::Failure;
use super::manager_calls;
use super::published;
use super::service_removal::{self, service_ids};
use super::state::{Director, OperationKey};
use super::timestamp::utc_now;
use crate::api::Accepted;
use crate::api::manager::ServiceIdView;
use crate::api::texts;
use crate::model::{ApplicationId, CloudName, ServiceId, State, UserId, is_number};
use crate::rpc::RpcCall;
use crate::service as kinds;
use crate::store::director::application::Application;
use crate::store::director::node::Node;
use crate::store::director::service::Service;
use crate::store::director::{application, node, service};
use crate::store::{StoreError, Transaction};
use crate::sys::chain;
use crate::task::crash_point;

const MAX_NAME_CHARS: usize = 256;

/// Adds a service to an application of a user, to his oldest one if he names
/// none. Returns it with its application and its manager's node.
pub(crate) async fn add(
    director: &Arc<Director>,
    uid: UserId,
    kind: &str,
    application: Option<&str>,
) -> Result<(Service, Application, Node), Failure> {
    let oldest =
        director.store.read(move |tx| Ok::<_, Failure>(application::list(tx, uid)?.into_iter().next())).await?;
    let oldest = oldest.ok_or_else(|| Failure::application(texts::NO_APPLICATIONS))?;
    if !kinds::kind_names().contains(&kind) {
        return Err(Failure::Application(texts::unknown_service_type(kind)));
    }
    let shown = application.map_or_else(|| oldest.aid.to_string(), str::to_owned);
    let aid = shown.parse().map_err(|_| Failure::Application(texts::application_id_not_found(&shown)))?;
    let (owner, node) = manager_calls::find(director, uid, aid, &shown).await?;
    let (worker, manager, kind) = (Arc::clone(director), node.clone(), kind.to_owned());
    let work = async move { add_to(&worker, &manager, &kind).await };
    let added = director.detached("add a service", work).await?;
    tracing::info!(app.id = aid.0, service.id = added.sid.0, service.kind = added.kind, "service added");
    Ok((added, owner, node))
}

/// Renames a service.
pub(crate) async fn rename(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    sid: ServiceId,
    name: &str,
) -> Result<(), Failure> {
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let text = format!("A service's name is at most {MAX_NAME_CHARS} printable characters");
        return Err(Failure::Application(text));
    }
    if is_number(name) {
        return Err(Failure::Application(texts::name_is_number("service", name)));
    }
    let name = name.to_owned();
    director
        .store
        .write(move |tx| {
            let owner = application::owned(tx, aid, uid)?;
            let found = owner.map(|owner| service::get(tx, owner.aid, sid)).transpose()?.flatten();
            let found = found.ok_or_else(|| Failure::application(texts::INVALID_SERVICE_ID))?;
            Ok::<_, Failure>(service::rename(tx, found.rec_id, &name)?)
        })
        .await
}

/// Has a service's manager remove it; its row goes when that is done (`service_removal`). `shown` is the
/// application's id as the caller wrote it. Returns the manager's operation that gives the nodes back.
pub(crate) async fn remove(
    director: &Arc<Director>,
    uid: UserId,
    aid: ApplicationId,
    sid: ServiceId,
    shown: &str,
) -> Result<Accepted, Failure> {
    let (_, node) = manager_calls::find(director, uid, aid, shown).await?;
    let found = director.store.read(move |tx| Ok::<_, Failure>(service::get(tx, aid, sid)?)).await?;
    director.reserve.make_room().await;
    let worker = Arc::clone(director);
    let work = async move { remove_from(&worker, &node, sid, found.map(|found| found.rec_id)).await };
    let accepted = director.detached("remove a service", work).await?;
    tracing::info!(app.id = aid.0, service.id = sid.0, "service removed");
    Ok(accepted)
}

/// Returns all services of a user, or of one of his applications, each with its application.
pub(crate) async fn list(
    director: &Director,
    uid: UserId,
    only: Option<ApplicationId>,
) -> Result<Vec<(Service, WithManager)>, Failure> {
    director
        .store
        .read(move |tx| {
            let owners: HashMap<ApplicationId, WithManager> =
                with_managers(tx, uid)?.into_iter().map(|found| (found.0.aid, found)).collect();
            let with_owner = |found: Service| {
                let owner = owners.get(&found.aid)?.clone();
                Some((found, owner))
            };
            Ok(service::list(tx, uid, only)?.into_iter().filter_map(with_owner).collect())
        })
        .await
}

/// Returns services that an earlier run of the director was adding: rows and their
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
        // A manifest that is resumed adds services of its own: not named by a row yet, they would be removed, too.
        let _one_at_a_time = director.operations.hold(&OperationKey::Services(aid)).await;
        if let Err(error) = undo_adding(director, rec_id, aid).await {
            tracing::warn!(app.id = aid.0, error = %chain(&error), "cannot undo the adding of a service yet");
        }
    }
}

async fn undo_adding(director: &Director, rec_id: i64, aid: ApplicationId) -> Result<(), Failure> {
    let node = director.store.read(move |tx| Ok::<_, Failure>(node::manager(tx, aid)?)).await?;
    if let Some(node) = node {
        let uid = node.wanted.uid;
        let known = director.store.read(move |tx| Ok::<_, Failure>(known_ids(tx, uid, aid)?)).await?;
        for sid in service_ids(director, &node).await? {
            if !known.contains(&sid) {
                remove_from_manager(director, &node, sid).await?;
            }
        }
    }
    director.store.write(move |tx| Ok::<_, Failure>(service::delete(tx, rec_id)?)).await
}

/// Returns the ids of an application's services, also of those that are being removed.
fn known_ids(tx: &Transaction<'_>, uid: UserId, aid: ApplicationId) -> Result<Vec<ServiceId>, StoreError> {
    let listed = service::list(tx, uid, Some(aid))?.into_iter().map(|found| found.sid);
    let leaving = service::removals(tx)?.into_iter().filter(|removal| removal.aid == aid);
    Ok(listed.chain(leaving.map(|removal| removal.sid)).collect())
}

async fn add_to(director: &Director, node: &Node, kind: &str) -> Result<Service, Failure> {
    let (aid, new_kind) = (node.wanted.aid, kind.to_owned());
    // Two at once would not know which of the manager's new services is whose after a crash.
    let _one_at_a_time = director.operations.hold(&OperationKey::Services(aid)).await;
    let rec_id = director
        .store
        .write(move |tx| {
            if !application::status(tx, aid)?.is_some_and(State::can_have_nodes) {
                return Err(Failure::Application(texts::application_not_started(&aid.to_string())));
            }
            Ok(service::begin_adding(tx, aid, &new_kind, &utc_now())?)
        })
        .await?;
    crash_point("add_service.recorded");
    let request = RpcCall::post(0, "add_service").param("service_type", kind);
    let answer = manager_calls::call::<ServiceIdView>(director, node, &request).await;
    crash_point("add_service.added");
    let sid = match answer {
        Ok(added) => added.service_id,
        Err(failure) => {
            undo_adding(director, rec_id, aid).await?;
            return Err(failure);
        }
    };
    let ports = director.config.publishes_sites.then(|| director.config.published_ports.clone());
    let finished = director.store.write(move |tx| {
        let added = service::finish_adding(tx, rec_id, sid)?;
        if let (Some(added), Some(ports)) = (&added, ports) {
            published::publish_new(tx, ports, added)?;
        }
        Ok::<_, Failure>(added)
    });
    finished.await?.ok_or_else(|| Failure::application("The application was stopped while the service was added"))
}

async fn remove_from(
    director: &Arc<Director>,
    node: &Node,
    sid: ServiceId,
    rec_id: Option<i64>,
) -> Result<Accepted, Failure> {
    let _one_at_a_time = director.operations.hold(&OperationKey::Services(node.wanted.aid)).await;
    let removed = remove_from_manager(director, node, sid).await;
    crash_point("remove_service.removed");
    let accepted = match removed {
        Ok(accepted) => accepted,
        Err(failure) => {
            // A repeated removal finds the service gone from the manager: only the row is left to go.
            let is_gone = rec_id.is_some() && !service_ids(director, node).await?.contains(&sid);
            if !is_gone {
                return Err(failure);
            }
            Accepted::default()
        }
    };
    if let Some(rec_id) = rec_id {
        let (aid, operation) = (node.wanted.aid, accepted.operation_id.clone());
        let record = move |tx: &Transaction<'_>| match &operation {
            Some(operation) => Ok::<_, Failure>(service::set_removal(tx, rec_id, Some(operation))?),
            None => service_removal::record_end(tx, rec_id, aid, sid),
        };
        director.store.write(record).await?;
        crash_point("remove_service.recorded");
        service_removal::spawn_all(director).await?;
    }
    Ok(accepted)
}

async fn remove_from_manager(director: &Director, node: &Node, sid: ServiceId) -> Result<Accepted, Failure> {
    let request = RpcCall::post(0, "remove_service").param("service_id", sid.0);
    manager_calls::call(director, node, &request).await
}
