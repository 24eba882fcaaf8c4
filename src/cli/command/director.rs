//! `director`: the director itself, seen from outside.

use async_trait::async_trait;
use clap::Subcommand;
use serde_json::json;

use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::shown;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum DirectorCommand {
    /// Get director's version
    Version,
}

#[async_trait(?Send)]
impl Action for DirectorCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        let DirectorCommand::Version = *self;
        let version = shown(&session.get("version", &[]).await?);
        Ok(Reply::line(format!("ConPaaS director version {version}"), json!({ "version": version })))
    }
}
