//! Services of users (`docs/reference/director-api.md` §3.4).

use std::sync::Arc;

use super::call::Call;
use crate::api::{ServiceAndApplication, texts};
use crate::director::error::Failure;
use crate::director::service;
use crate::director::state::Director;
use crate::director::views;
use crate::model::{ApplicationId, ServiceId};
use crate::rpc::{Form, Response};

pub(crate) async fn add(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (added, owner, node) =
        service::add(&director, call.user(), call.argument(0), call.form.filled("appid")).await?;
    Ok(Response::json_pretty(&views::service(&added, views::application(&owner, Some(&node)))))
}

pub(crate) async fn rename(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, _) = ids(&call.form)?;
    service::rename(&director, call.user(), aid, sid, call.required("name")?).await?;
    Ok(Response::json_pretty(&true))
}

pub(crate) async fn remove(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, shown) = ids(&call.form)?;
    let accepted = service::remove(&director, call.user(), aid, sid, shown).await?;
    Ok(Response::json_pretty(&accepted))
}

/// Answers all services of the caller, or of one of his applications.
pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let only = if call.arguments.is_empty() { None } else { Some(call.application_argument()) };
    let found = service::list(&director, call.user(), only).await?;
    let views: Vec<ServiceAndApplication> = found
        .iter()
        .map(|(service, (owner, manager))| views::service(service, views::application(owner, manager.as_ref())))
        .collect();
    Ok(Response::json_line(&views))
}

/// Returns the application's and the service's id, and the application's as written.
pub(super) fn ids(form: &Form) -> Result<(ApplicationId, ServiceId, &str), Failure> {
    let text = |name: &str| form.filled(name).map(str::trim);
    let shown = text("app_id").unwrap_or_default();
    match (shown.parse(), text("service_id").map(str::parse)) {
        (Ok(aid), Some(Ok(sid))) => Ok((aid, sid, shown)),
        _ => Err(Failure::application(texts::BAD_IDS)),
    }
}
