//! `director`: the director itself, seen from outside.

use async_trait::async_trait;
use clap::Subcommand;
use serde::Serialize;

use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum DirectorCommand {
    /// Get director's version
    Version,
}

/// A version as `--json` prints it.
#[derive(Serialize)]
struct Version {
    version: String,
}

#[async_trait(?Send)]
impl Action for DirectorCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let DirectorCommand::Version = *self;
        let version = run.session.version().await?;
        Ok(Reply::line(format!("ConPaaS director version {version}"), &Version { version }))
    }
}
