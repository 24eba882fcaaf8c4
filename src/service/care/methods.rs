//! The methods by which users see and set the care for a service; a kind lists them in its table.

use std::time::Duration;

use super::Care;
use super::document::CareDocument;
use super::figures::{ask_nodes, performance};
use super::metrics::{MetricsOf, render};
use super::scaling::{Scaling, Strategy};
use crate::api::manager::MetricsText;
use crate::api::params::{ParamError, bad};
use crate::service::call::Call;
use crate::service::context::{ServiceContext, now};
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::StoreError;
use crate::store::manager as store;

/// `cool_down` is in minutes, as in ConPaaS 1.
const MINUTE: u64 = 60;
/// A slip of the finger: more than a month.
const MAX_COOL_DOWN: i64 = 50_000;
/// More than ten minutes for an answer.
const MAX_RESPONSE_MS: i64 = 600_000;
const MAX_NODES: i64 = 100;
const DEFAULT_MAX_NODES: i64 = 8;

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

/// `on_autoscaling`: nodes come and go by themselves from now on.
///
/// # Errors
/// Returns an error that names the parameter that makes no sense.
pub(crate) async fn on_autoscaling(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let cool_down = within(&mut call, "cool_down", None, MAX_COOL_DOWN)?;
    // ConPaaS 2.0 writes the name so.
    let response_time = within(&mut call, "reponse_time", None, MAX_RESPONSE_MS)?;
    let strategy = call.params.choice("strategy", &Strategy::ALL)?;
    let min_nodes = within(&mut call, "min_nodes", Some(0), MAX_NODES)?;
    let max_nodes = within(&mut call, "max_nodes", Some(DEFAULT_MAX_NODES.max(min_nodes)), MAX_NODES)?;
    call.finish()?;
    if response_time == 0 {
        return Err(bad("reponse_time", "no answer takes 0 ms; give the milliseconds that visitors may wait").into());
    }
    if max_nodes < min_nodes {
        return Err(bad("max_nodes", &format!("{max_nodes} is less than min_nodes, {min_nodes}")).into());
    }
    let scaling = Scaling {
        cool_down: Duration::from_secs(cool_down.unsigned_abs() * MINUTE),
        response_time: Duration::from_millis(response_time.unsigned_abs()),
        strategy,
        min_nodes: u32::try_from(min_nodes).unwrap_or_default(),
        max_nodes: u32::try_from(max_nodes).unwrap_or_default(),
    };
    change(&service, "Autoscaling is on", |document| document.scaling = Some(scaling)).await
}

/// `off_autoscaling`: nodes stay as they are from now on.
///
/// # Errors
/// Returns an error if a parameter is left, or the database fails.
pub(crate) async fn off_autoscaling(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    change(&service, "Autoscaling is off", |document| document.scaling = None).await
}

/// `set_self_healing`: whether nodes that died are made anew.
///
/// # Errors
/// Returns an error if the parameter is none.
pub(crate) async fn set_self_healing(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let enable = call.params.boolean("enable")?;
    call.finish()?;
    let reason = if enable { "Self-healing is on" } else { "Self-healing is off" };
    change(&service, reason, move |document| document.self_healing = enable).await
}

/// Returns whether nodes of a service come and go by themselves.
///
/// # Errors
/// The database fails.
pub(crate) async fn is_autoscaling(service: &ServiceContext) -> Result<bool, StoreError> {
    let sid = service.sid;
    Ok(service.store.read(move |tx| CareDocument::read(tx, sid)).await?.scaling.is_some())
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

fn within(call: &mut Call, name: &str, default: Option<i64>, most: i64) -> Result<i64, ParamError> {
    let number = match default {
        Some(default) => call.params.integer_or(name, default)?,
        None => call.params.integer(name)?,
    };
    match number {
        ..0 => Err(bad(name, &format!("{number} is not more or equal than 0"))),
        _ if number > most => Err(bad(name, &format!("{number} is more than {most}"))),
        _ => Ok(number),
    }
}
