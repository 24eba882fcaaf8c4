//! The methods by which users see what a service does; a kind lists them in its table.

use super::Care;
use super::figures::{ask_nodes, performance};
use super::metrics::{MetricsOf, render};
use crate::api::manager::MetricsText;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;

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
