//! Applications of users (`docs/reference/director-api.md` §3.3).

use std::sync::Arc;

use super::call::Call;
use super::manifests;
use crate::api::{Accepted, Done, ErrorView, KNOWN, OperationStatus, OperationView};
use crate::director::application::{self, WithManager};
use crate::director::application_list;
use crate::director::application_start;
use crate::director::error::Failure;
use crate::director::manifest;
use crate::director::state::Director;
use crate::director::views;
use crate::rpc::Response;
use crate::store::director::outcome::Outcome;
use crate::task::poll;

pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let created = application::create(&director, call.user(), call.required("name")?).await?;
    Ok(Response::json_pretty(&views::application(&created, None)))
}

/// Answers the caller's applications; to who knows a list already, once it is another one, or after `wait_for` seconds.
pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let show = |found: &[WithManager]| {
        let view = |(application, manager): &WithManager| views::application(application, manager.as_ref());
        Response::line_of(&found.iter().map(view).collect::<Vec<_>>())
    };
    let text = match (call.form.filled(KNOWN), call.wait_for()?) {
        (Some(known), wait) if !wait.is_zero() => {
            application_list::unlike(&director, call.user(), show, (known.to_owned(), wait)).await?
        }
        _ => application_list::shown(&director, call.user(), show).await?,
    };
    Ok(Response::line(text))
}

pub(crate) async fn rename(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    application::rename(&director, call.user(), call.application_argument(), call.required("name")?).await?;
    Ok(Response::json_pretty(&Done {}))
}

/// Answers when the start is recorded; the application goes on starting.
pub(crate) async fn start(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let cloud = director.clouds.named(call.argument(1))?;
    let id = application_start::start(&director, call.user(), call.application_argument(), cloud).await?;
    Ok(Response::json_pretty(&Accepted { operation_id: Some(id) }))
}

/// Answers what became of a start, for whoever waits for its end; at once, or after `wait_for` seconds if it goes on. A manifest is
/// told of at its next step, too.
pub(crate) async fn operation(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (id, wait) = (call.argument(0), call.wait_for()?);
    if let Some(end) = manifest::await_step(&director, call.user(), id, wait).await? {
        let (status, reason, progress) = manifests::progress(end);
        return Ok(Response::json_line(&OperationView { operation_id: id.to_owned(), status, reason, progress }));
    }
    let look = || async {
        Ok::<_, Failure>(match application_start::outcome(&director, call.user(), id).await? {
            Outcome::UnderWay => None,
            Outcome::Done => Some((OperationStatus::Done, None)),
            Outcome::Failed(reason) => Some((OperationStatus::Failed, Some(reason))),
        })
    };
    let ended = poll::until_told(poll::OWN_RECORDS, wait, &director.start_ended, look).await?;
    let (status, reason) = ended.unwrap_or((OperationStatus::Running, None));
    Ok(Response::json_line(&OperationView { operation_id: id.to_owned(), status, reason, progress: None }))
}

pub(crate) async fn stop(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    on_one_line(application::stop(&director, call.user(), call.application_argument(), call.volume_fate()?).await)
}

pub(crate) async fn delete(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    on_one_line(application::delete(&director, call.user(), call.application_argument()).await)
}

/// Upstream's stop and delete write their errors on one line, its other routes on several.
fn on_one_line(outcome: Result<(), Failure>) -> Result<Response, Failure> {
    match outcome {
        Ok(()) => Ok(Response::json_line(&Done {})),
        Err(Failure::Application(error)) => Ok(Response::json_line(&ErrorView { error })),
        Err(other) => Err(other),
    }
}
