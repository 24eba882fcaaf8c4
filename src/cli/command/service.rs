//! `service`: services of any kind.

use async_trait::async_trait;
use clap::Subcommand;

use super::every_service;
use super::every_service::{Count, EveryServiceCommand};
use super::links::LinkCommand;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum ServiceCommand {
    /// Get available service types
    GetTypes,
    /// Add a new service
    Add {
        /// Type of the new service
        service_type: String,
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// Links between services
    #[command(flatten)]
    Links(LinkCommand),
    /// What all kinds have
    #[command(flatten)]
    Every(EveryServiceCommand<Count>),
}

#[async_trait(?Send)]
impl Action for ServiceCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            ServiceCommand::GetTypes => get_types(&run.session).await,
            ServiceCommand::Add { service_type, app_name_or_id } => {
                every_service::add(&run.session, &service_type, &app_name_or_id).await
            }
            ServiceCommand::Links(command) => command.run(run).await,
            ServiceCommand::Every(command) => command.run(run, None).await,
        }
    }
}

async fn get_types(session: &Session) -> Result<Reply, Failure> {
    let kinds = session.service_kinds().await?;
    Ok(Reply::lines(&kinds, &kinds))
}
