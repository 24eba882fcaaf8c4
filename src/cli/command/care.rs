//! How the manager looks after a service: the sub-commands of every kind that has such care. A kind's
//! group flattens [`CareCommand`] among its own.

use clap::{Args, Subcommand, ValueEnum};
use serde::de::IgnoredAny;

use super::service_names::ServiceNames;
use crate::api::manager::MetricsText;
use crate::api::web::Performance;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CareCommand {
    /// Display what visitors got in the last seconds
    GetPerformance(ServiceNames),
    /// Display the figures of the service and its nodes, for Prometheus
    Metrics(ServiceNames),
    /// Say whether nodes that died are made anew
    SelfHealing(SelfHealing),
}

/// Whether nodes that died are made anew.
#[derive(Debug, Args)]
pub(crate) struct SelfHealing {
    #[command(flatten)]
    names: ServiceNames,
    /// Whether nodes that died are made anew
    mode: Switch,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
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
            CareCommand::SelfHealing(wanted) => {
                let found = wanted.names.find(session, Some(kind)).await?;
                let is_on = wanted.mode == Switch::On;
                let call = RpcCall::post(found.service.0, "set_self_healing").param("enable", is_on);
                session.manager::<IgnoredAny>(found.application, call).await?;
                Ok(Reply::done(format!("Self-healing is {}.", if is_on { "on" } else { "off" })))
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
