//! `service`: services of any kind.

use async_trait::async_trait;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::every_service;
use super::every_service::{CommonCommand, Roles};
use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::{Session, understood};

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
    /// What all kinds have
    #[command(flatten)]
    Common(CommonCommand<Count>),
}

/// The role of nodes where a service has but one to choose.
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Number of nodes, 1 when it is left out
    #[arg(long, allow_negative_numbers = true)]
    count: Option<i64>,
}

impl Roles for Count {
    fn counts(&self) -> Vec<(&'static str, i64)> {
        vec![("count", self.count.unwrap_or(1))]
    }
}

#[async_trait(?Send)]
impl Action for ServiceCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        match *self {
            ServiceCommand::GetTypes => get_types(session).await,
            ServiceCommand::Add { service_type, app_name_or_id } => {
                every_service::add(session, &service_type, &app_name_or_id).await
            }
            ServiceCommand::Common(command) => every_service::run(session, None, command).await,
        }
    }
}

async fn get_types(session: &Session) -> Result<Reply, Failure> {
    let kinds: Vec<String> = understood("available_services", session.get("available_services", &[]).await?)?;
    let value = Value::from(kinds.clone());
    Ok(Reply::lines(&kinds, value))
}
