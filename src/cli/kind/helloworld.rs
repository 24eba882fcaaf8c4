//! `helloworld`: the smallest kind of service.

use async_trait::async_trait;
use clap::Subcommand;
use serde_json::Value;

use crate::cli::command::every_service;
use crate::cli::command::every_service::{CommonCommand, ServiceNames};
use crate::cli::command::service::Count;
use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;
use crate::rpc::RpcCall;

const KIND: &str = "helloworld";

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum HelloworldCommand {
    /// Add a new service
    Add {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// What all kinds have
    #[command(flatten)]
    Common(CommonCommand<Count>),
    /// Get a greeting from every node
    GetHelloworld(ServiceNames),
}

#[async_trait(?Send)]
impl Action for HelloworldCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        match *self {
            HelloworldCommand::Add { app_name_or_id } => every_service::add(session, KIND, &app_name_or_id).await,
            HelloworldCommand::Common(command) => every_service::run(session, Some(KIND), command).await,
            HelloworldCommand::GetHelloworld(names) => {
                let found = names.find(session, Some(KIND)).await?;
                let call = RpcCall::get(found.service.0, "get_helloworld");
                let answer = session.manager(found.application, call).await?;
                let text = answer.get("helloworld").and_then(Value::as_str).unwrap_or_default().to_owned();
                Ok(Reply::line(text, answer))
            }
        }
    }
}
