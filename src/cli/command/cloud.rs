//! `cloud`: where nodes can run, and which nodes do.

use async_trait::async_trait;
use clap::Subcommand;

use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::Session;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CloudCommand {
    /// List clouds
    List,
    /// List resources
    ListResources,
}

#[async_trait(?Send)]
impl Action for CloudCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            CloudCommand::List => list(&run.session).await,
            CloudCommand::ListResources => list_resources(&run.session).await,
        }
    }
}

async fn list(session: &Session) -> Result<Reply, Failure> {
    let clouds = session.clouds().await?;
    Ok(Reply::lines(&clouds, &clouds))
}

async fn list_resources(session: &Session) -> Result<Reply, Failure> {
    let columns = ["rid", "app_id", "vmid", "ip", "role", "cloud"];
    Ok(Reply::table(&columns, &session.resources().await?, "No existing resources"))
}

/// Returns the name of a cloud as users know it, from the director's own.
pub(crate) fn shown_cloud(name: &str) -> &str {
    if name == "iaas" { "default" } else { name }
}
