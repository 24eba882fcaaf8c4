//! Applications (`docs/reference/director-api.md` §3.3).

use std::sync::Arc;

use serde_json::json;

use super::error::Failure;
use super::http::routes::Call;
use super::node::bring_up;
use super::node::create::{Wish, new_tag};
use super::state::Director;
use super::{credit, views};
use crate::api::texts;
use crate::model::{ApplicationEvent, ApplicationId, CloudName, ServiceId, State, UserId, next_application};
use crate::rpc::Response;
use crate::store::director::application::Application;
use crate::store::director::node::{NewNode, Node};
use crate::store::director::{application, node, service, user, volume};
use crate::store::{StoreError, Transaction};
use crate::task::crash_point;

const MAX_NAME_CHARS: usize = 256;

pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, name) = (call.user(), requested_name(&call)?);
    let created = director
        .store
        .write(move |tx| {
            if application::has_name(tx, uid, &name)? {
                return Err(Failure::Application(texts::application_name_taken(&name)));
            }
            let aid = application::insert(tx, uid, &name)?;
            owned(tx, aid, uid)
        })
        .await?;
    Ok(Response::json_pretty(&views::application(&created, None)))
}

pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let views = director
        .store
        .read(move |tx| {
            let managers: Vec<Node> =
                node::up_of_user(tx, uid)?.into_iter().filter(|node| node.wanted.program == "manager").collect();
            let view = |application: &Application| {
                views::application(application, managers.iter().find(|node| node.wanted.aid == application.aid))
            };
            Ok::<_, Failure>(application::list(tx, uid)?.iter().map(view).collect::<Vec<_>>())
        })
        .await?;
    Ok(Response::json_line(&views))
}

pub(crate) async fn rename(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, aid, name) = (call.user(), call.application_argument(), requested_name(&call)?);
    director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            if application::has_name(tx, uid, &name)? {
                return Err(Failure::Application(texts::application_name_taken(&name)));
            }
            Ok(application::rename(tx, aid, &name)?)
        })
        .await?;
    Ok(Response::json_pretty(&json!({})))
}

/// Records that the application starts, answers, and goes on with it.
pub(crate) async fn start(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, aid) = (call.user(), call.application_argument());
    let cloud = director.clouds.named(call.arguments.get(1).map_or("", String::as_str))?;
    director.store.write(move |tx| begin_start(tx, uid, aid, cloud)).await?;
    crash_point("start_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application starting");
    bring_up::spawn_managers(&director).await?;
    Ok(Response::json_pretty(&json!({})))
}

pub(crate) async fn stop(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, aid) = (call.user(), call.application_argument());
    let stopped = director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            record_stop(tx, aid)
        })
        .await;
    if let Err(failure) = stopped {
        return on_one_line(failure);
    }
    crash_point("stop_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application stopped");
    director.reconcile.wake();
    Ok(Response::json_line(&json!({})))
}

pub(crate) async fn delete(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, aid) = (call.user(), call.application_argument());
    let deleted = director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            record_stop(tx, aid)?;
            Ok::<_, Failure>(application::delete(tx, aid)?)
        })
        .await;
    if let Err(failure) = deleted {
        return on_one_line(failure);
    }
    crash_point("delete_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application deleted");
    director.reconcile.wake();
    Ok(Response::json_line(&json!({})))
}

/// Upstream's stop and delete write their errors on one line, its other routes on several.
fn on_one_line(failure: Failure) -> Result<Response, Failure> {
    match failure {
        Failure::Application(text) => Ok(Response::json_line(&json!({ "error": text }))),
        other => Err(other),
    }
}

/// Writes down that an application is stopped: none of its nodes and volumes
/// is wanted any more. The reconciler removes them.
pub(crate) fn record_stop(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), Failure> {
    let Some(state) = application::status(tx, aid)? else { return Ok(()) };
    let state =
        next_application(state, ApplicationEvent::Stop).map_err(|error| Failure::Internal(error.to_string()))?;
    node::set_all_removing(tx, aid)?;
    volume::set_all_removing(tx, aid)?;
    service::delete_all(tx, aid)?;
    Ok(application::set_status(tx, aid, state, None)?)
}

/// The application, if it is the caller's.
pub(crate) fn owned(tx: &Transaction<'_>, aid: ApplicationId, uid: UserId) -> Result<Application, Failure> {
    application::owned(tx, aid, uid)?.ok_or_else(|| Failure::application(texts::APPLICATION_NOT_FOUND))
}

fn begin_start(tx: &Transaction<'_>, uid: UserId, aid: ApplicationId, cloud: CloudName) -> Result<(), Failure> {
    let application = owned(tx, aid, uid)?;
    let state = next_application(application.status, ApplicationEvent::Start)
        .map_err(|_| Failure::application(texts::APPLICATION_ALREADY_STARTED))?;
    if user::credit(tx, uid)?.unwrap_or_default() <= 0 {
        return Err(Failure::application(texts::INSUFFICIENT_CREDITS));
    }
    application::set_status(tx, aid, state, None)?;
    let new = NewNode {
        tag: new_tag(),
        cloud,
        program: "manager".to_owned(),
        uid,
        aid,
        sid: ServiceId::MANAGER,
        operation: None,
        request: Wish::default().to_text(),
        created: chrono::Utc::now().timestamp(),
    };
    node::insert(tx, &new)?;
    Ok(())
}

/// Writes down how the start of an application ended. Gives whether the
/// manager's node is still wanted.
pub(crate) fn record_started(tx: &Transaction<'_>, node: &Node, outcome: Result<(), &str>) -> Result<bool, StoreError> {
    let aid = node.wanted.aid;
    let status = application::status(tx, aid)?;
    match outcome {
        Ok(()) => {
            let is_wanted = credit::start_counting(tx, node.rid)?;
            if is_wanted && status == Some(State::Prologue) {
                application::set_status(tx, aid, State::Running, None)?;
            }
            Ok(is_wanted)
        }
        Err(reason) => {
            node::set_removing(tx, node.rid)?;
            if let Some(state) = status.and_then(|state| next_application(state, ApplicationEvent::StartFailed).ok()) {
                application::set_status(tx, aid, state, Some(reason))?;
            }
            Ok(false)
        }
    }
}

fn requested_name(call: &Call) -> Result<String, Failure> {
    let name = call.form.filled("name").ok_or_else(|| Failure::application(texts::NAME_REQUIRED))?;
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let text = format!("An application's name is at most {MAX_NAME_CHARS} printable characters");
        return Err(Failure::Application(text));
    }
    Ok(name.to_owned())
}
