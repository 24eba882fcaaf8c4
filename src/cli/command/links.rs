//! Links between services: `link`, `unlink`, `list_links`, `get_link_password`.

use clap::{Args, Subcommand};

use super::service_names::ServiceNames;
use crate::api::environment::{LinkList, LinkPassword, LinkPhase, LinkView};
use crate::api::{Accepted, ApplicationView};
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::wait::{self, Awaited};
use crate::model::State;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum LinkCommand {
    /// Give a service a database: its programs find address, account and password in their environment
    Link(NewLink),
    /// Take the database away from a service; its data stays
    Unlink(ServiceNames),
    /// List the links of an application
    ListLinks {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// Show the password of a service's link, once
    GetLinkPassword(ServiceNames),
}

/// A new link.
#[derive(Debug, Args)]
pub(crate) struct NewLink {
    #[command(flatten)]
    names: ServiceNames,
    /// Name or identifier of the mysql service
    database_name_or_id: String,
    /// Name of the database that is made; by default 'service' with the service's number
    #[arg(short, long, value_name = "NAME")]
    database: Option<String>,
}

impl LinkCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// There is no such service, or its manager refuses.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        match self {
            LinkCommand::Link(new) => link(run, &new).await,
            LinkCommand::Unlink(names) => unlink(run, &names).await,
            LinkCommand::ListLinks { app_name_or_id } => list(run, &app_name_or_id).await,
            LinkCommand::GetLinkPassword(names) => {
                let found = names.find(&run.session, None).await?;
                let call = RpcCall::post(0, "get_link_password").param("service_id", found.service.0);
                let shown: LinkPassword = run.session.manager(found.application, call).await?;
                Ok(Reply::line(shown.password.as_str(), &shown))
            }
        }
    }
}

async fn link(run: &Invocation, new: &NewLink) -> Result<Reply, Failure> {
    let found = new.names.find(&run.session, None).await?;
    let to = lookup::service(&run.session, None, &new.names.app_name_or_id, &new.database_name_or_id).await?;
    let call = RpcCall::post(0, "link_service").param("service_id", found.service.0);
    let call = call.param("to_service_id", to.service.0);
    let call = new.database.iter().fold(call, |call, database| call.param("database", database.as_str()));
    let made: LinkView = run.session.manager(found.application, call).await?;
    settle(run, &found, &Accepted { operation_id: made.operation_id.clone() }).await?;
    let text = format!(
        "Service {} is linked to service {}: account '{}', database '{}'.",
        found.service, to.service, made.account, made.database
    );
    Ok(Reply::line(text, &made))
}

async fn unlink(run: &Invocation, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(&run.session, None).await?;
    let call = RpcCall::post(0, "unlink_service").param("service_id", found.service.0);
    let operation = run.session.accepted(found.application, call).await?;
    settle(run, &found, &operation).await?;
    Ok(Reply::done(format!("Service {} is linked to no other any more; the data stays.", found.service)))
}

async fn list(run: &Invocation, name_or_id: &str) -> Result<Reply, Failure> {
    let app: ApplicationView = lookup::application(&run.session, name_or_id).await?;
    let mut list: LinkList = run.session.manager(app.aid, RpcCall::get(0, "list_links")).await?;
    list.links.retain(|link| link.state != LinkPhase::Leaving);
    let columns = ["service_id", "to_service_id", "state", "account", "database", "address"];
    Ok(Reply::table(&columns, &list.links, "No links."))
}

/// Waits until the programs of a service were told of a change.
///
/// # Errors
/// They were not told.
pub(super) async fn settle(run: &Invocation, found: &FoundService, operation: &Accepted) -> Result<(), Failure> {
    if operation.operation_id.is_none() {
        return Ok(());
    }
    let awaited = Awaited { operation, ends: &[State::Init, State::Stopped, State::Running] };
    let end = wait::for_service(&run.session, found, awaited, &|_| {}).await?;
    if end.is_failure {
        let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
        return Err(Failure::said(format!("the programs were not told: {reason}")));
    }
    Ok(())
}
