//! How the manager looks after a service: the sub-commands of every kind whose nodes come and go by themselves. A kind's
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
    /// Let backends come and go with the load
    EnableAutoscaling(Autoscaling),
    /// Let the number of backends stay as it is
    DisableAutoscaling(ServiceNames),
    /// Say whether nodes that died are made anew
    SelfHealing(SelfHealing),
}

/// How backends come and go.
#[derive(Debug, Args)]
pub(crate) struct Autoscaling {
    #[command(flatten)]
    names: ServiceNames,
    /// Minutes between two changes
    #[arg(allow_negative_numbers = true)]
    cool_down: i64,
    /// Milliseconds within which visitors are to have their answers
    #[arg(allow_negative_numbers = true)]
    response_time: i64,
    /// How early backends come, and how late they go
    strategy: Strategy,
    /// Backends that always stay
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    min_nodes: Option<i64>,
    /// Backends that are never exceeded; 8 when it is left out
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    max_nodes: Option<i64>,
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

/// How early backends come, and how late they go.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Strategy {
    /// As few as the time allows
    Low,
    /// Nearer to few
    MediumDown,
    /// Between both
    Medium,
    /// Nearer to many
    MediumUp,
    /// Before they are needed
    High,
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
            CareCommand::EnableAutoscaling(wanted) => enable_autoscaling(session, &wanted, kind).await,
            CareCommand::DisableAutoscaling(names) => {
                let found = names.find(session, Some(kind)).await?;
                let call = RpcCall::post(found.service.0, "off_autoscaling");
                session.manager::<IgnoredAny>(found.application, call).await?;
                Ok(Reply::done("Autoscaling is off.".to_owned()))
            }
            CareCommand::SelfHealing(wanted) => wanted.run(session, kind).await,
        }
    }
}

impl SelfHealing {
    /// Runs the sub-command for services of `kind`.
    ///
    /// # Errors
    /// The service is not found, or its manager refuses.
    pub(crate) async fn run(self, session: &Session, kind: &str) -> Result<Reply, Failure> {
        let found = self.names.find(session, Some(kind)).await?;
        let is_on = self.mode == Switch::On;
        let call = RpcCall::post(found.service.0, "set_self_healing").param("enable", is_on);
        session.manager::<IgnoredAny>(found.application, call).await?;
        Ok(Reply::done(format!("Self-healing is {}.", if is_on { "on" } else { "off" })))
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

async fn enable_autoscaling(session: &Session, wanted: &Autoscaling, kind: &str) -> Result<Reply, Failure> {
    let found = wanted.names.find(session, Some(kind)).await?;
    let strategy = wanted.strategy.to_possible_value();
    let strategy = strategy.as_ref().map_or("", |value| value.get_name());
    let mut call = RpcCall::post(found.service.0, "on_autoscaling")
        .param("cool_down", wanted.cool_down)
        .param("reponse_time", wanted.response_time)
        .param("strategy", strategy);
    for (name, count) in [("min_nodes", wanted.min_nodes), ("max_nodes", wanted.max_nodes)] {
        if let Some(count) = count {
            call = call.param(name, count);
        }
    }
    session.manager::<IgnoredAny>(found.application, call).await?;
    Ok(Reply::done("Autoscaling is on.".to_owned()))
}
