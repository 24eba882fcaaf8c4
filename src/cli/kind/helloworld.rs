//! `helloworld`: the smallest kind of service.

use async_trait::async_trait;
use clap::Subcommand;

use crate::api::manager::Greetings;
use crate::cli::command::every_service::{Count, KindCommand};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The kind's name.
pub(crate) const NAME: &str = "helloworld";

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum HelloworldCommand {
    /// What all kinds have
    #[command(flatten)]
    Every(KindCommand<Count>),
    /// Get a greeting from every node
    GetHelloworld(ServiceNames),
}

#[async_trait(?Send)]
impl Action for HelloworldCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            HelloworldCommand::Every(command) => command.run(run, NAME).await,
            HelloworldCommand::GetHelloworld(names) => get_helloworld(&run.session, &names).await,
        }
    }
}

async fn get_helloworld(session: &Session, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(session, Some(NAME)).await?;
    let greetings: Greetings = session.service(&found, "get_helloworld").await?;
    Ok(Reply::line(greetings.helloworld.as_str(), &greetings))
}
