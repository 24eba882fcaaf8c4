//! How the manager looks after a service: the sub-commands of every kind that has such care. A kind's
//! group flattens [`CareCommand`] among its own.

use clap::Subcommand;

use super::service_names::ServiceNames;
use crate::api::manager::MetricsText;
use crate::api::web::Performance;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CareCommand {
    /// Display what visitors got in the last seconds
    GetPerformance(ServiceNames),
    /// Display the figures of the service and its nodes, for Prometheus
    Metrics(ServiceNames),
}

impl CareCommand {
    /// Runs the sub-command for services of `kind`.
    ///
    /// # Errors
    /// The service is not found, or its manager refuses.
    pub(crate) async fn run(self, run: &Invocation, kind: &str) -> Result<Reply, Failure> {
        let session = &run.session;
        match self {
            CareCommand::GetPerformance(names) => get_performance(session, &names, kind).await,
            CareCommand::Metrics(names) => {
                let found = names.find(session, Some(kind)).await?;
                let text: MetricsText = session.service(&found, "get_metrics").await?;
                Ok(Reply::line(text.metrics.trim_end(), &text))
            }
        }
    }
}

async fn get_performance(session: &Session, names: &ServiceNames, kind: &str) -> Result<Reply, Failure> {
    let found = names.find(session, Some(kind)).await?;
    let performance: Performance = session.service(&found, "get_service_performance").await?;
    let Performance { request_rate, error_rate, throughput, response_time } = performance;
    let lines = [
        format!("request_rate: {request_rate} requests/s"),
        format!("error_rate: {error_rate} failed requests/s"),
        format!("throughput: {throughput} bytes/s"),
        format!("response_time: {response_time} ms"),
    ];
    Ok(Reply::lines(&lines, &performance))
}
