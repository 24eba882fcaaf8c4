//! The methods by which users see and set the care for a service; a kind lists them in its table.

use serde_json::Value;

use super::Care;
use super::document::CareDocument;
use super::figures::{ask_nodes, performance};
use super::metrics::{MetricsOf, render};
use crate::api::manager::MetricsText;
use crate::api::params::bad;
use crate::service::call::Call;
use crate::service::context::{ServiceContext, now};
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager as store;

/// `get_service_performance`: what visitors got in the last seconds.
///
/// # Errors
/// Returns an error if a parameter is left, or the database fails.
pub(crate) async fn get_service_performance(
    service: ServiceContext,
    care: &'static Care,
    call: Call,
) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&performance(&MetricsOf::ask(&service, Some(care)).await?.nodes)))
}

/// `get_metrics`: the figures of the service, as text for Prometheus.
///
/// # Errors
/// As [`get_service_performance`].
pub(crate) async fn get_metrics(
    service: ServiceContext,
    care: &'static Care,
    call: Call,
) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&MetricsText { metrics: render(&[MetricsOf::ask(&service, Some(care)).await?]) }))
}

impl MetricsOf {
    /// Asks all working nodes of a service for their figures; one whose kind has no care has none.
    ///
    /// # Errors
    /// The database fails, or the service is gone.
    pub(crate) async fn ask(service: &ServiceContext, care: Option<&'static Care>) -> Result<MetricsOf, MethodError> {
        let state = service.row().await?.state;
        let nodes = match care.filter(|_| state.can_show_nodes()) {
            Some(care) => ask_nodes(service, care, service.nodes().await?).await,
            None => Vec::new(),
        };
        let application = service.config.base.app_id;
        Ok(MetricsOf { application, service: service.sid, kind: service.kind_name, state, nodes })
    }
}

/// `set_self_healing`: whether nodes that died are made anew.
///
/// # Errors
/// Returns an error if the parameter is none.
pub(crate) async fn set_self_healing(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let enable: Value = call.params.required("enable")?;
    call.finish()?;
    let enable = match &enable {
        Value::Bool(enable) => *enable,
        Value::String(text) if text.eq_ignore_ascii_case("true") => true,
        Value::String(text) if text.eq_ignore_ascii_case("false") => false,
        other => return Err(bad("enable", &format!("{other} is neither true nor false")).into()),
    };
    let reason = if enable { "Self-healing is on" } else { "Self-healing is off" };
    change(&service, reason, move |document| document.self_healing = enable).await
}

/// Changes what is set, with a word in the history.
async fn change(
    service: &ServiceContext,
    reason: &'static str,
    change: impl FnOnce(&mut CareDocument) + Send + 'static,
) -> Result<Reply, MethodError> {
    let sid = service.sid;
    let changed = service.store.write(move |tx| {
        CareDocument::change(tx, sid, change)?;
        store::note_event(tx, sid, reason, now())
    });
    changed.await?;
    Ok(Reply::nothing())
}
