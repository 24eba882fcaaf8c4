//! `cloud`: where nodes can run, and which nodes do.

use async_trait::async_trait;
use clap::Subcommand;
use serde_json::Value;

use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, table};
use crate::client::error::Failure;
use crate::client::session::{Session, understood};

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
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        match *self {
            CloudCommand::List => list(session).await,
            CloudCommand::ListResources => list_resources(session).await,
        }
    }
}

async fn list(session: &Session) -> Result<Reply, Failure> {
    let clouds: Vec<String> = understood("available_clouds", session.get("available_clouds", &[]).await?)?;
    let value = Value::from(clouds.clone());
    Ok(Reply::lines(&clouds, value))
}

async fn list_resources(session: &Session) -> Result<Reply, Failure> {
    let rows: Vec<Row> = understood("list_resources", session.get("list_resources", &[]).await?)?;
    let text = match table(&["rid", "app_id", "vmid", "ip", "role", "cloud"], &rows) {
        text if text.is_empty() => "No existing resources".to_owned(),
        text => text,
    };
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

/// The name of a cloud as users know it.
pub(crate) fn shown_cloud(row: &mut Row) {
    if row.get("cloud").and_then(Value::as_str) == Some("iaas") {
        row.insert("cloud".to_owned(), Value::from("default"));
    }
}
