//! `volume`: the volumes of all of a user's applications, in use and kept.

use async_trait::async_trait;
use clap::Subcommand;
use serde::Serialize;

use super::loss::{self, Consent};
use super::wait;
use crate::api::{OwnedVolumeView, VolumeState};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::session::Session;
use crate::client::wait::Awaited;
use crate::model::{ApplicationId, ServiceId, State};

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum OwnedVolumeCommand {
    /// List the volumes of all applications, in use and kept
    List {
        /// Volumes of this application only
        #[arg(short, long, value_name = "ID_OR_NAME")]
        application: Option<String>,
    },
    /// Attach a kept volume to an agent
    Attach {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
        /// Identifier of the agent to attach the volume to
        agent_id: String,
    },
    /// Delete a kept volume, with all that is on it
    Delete {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// A row of `list`.
#[derive(Serialize)]
struct Row {
    aid: ApplicationId,
    application: String,
    sid: Option<ServiceId>,
    vol_name: String,
    vol_size: u64,
    state: VolumeState,
    cloud: String,
}

#[async_trait(?Send)]
impl Action for OwnedVolumeCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            OwnedVolumeCommand::List { application } => list(&run.session, application.as_deref()).await,
            OwnedVolumeCommand::Attach { app_name_or_id, vol_name, agent_id } => {
                attach(run, &app_name_or_id, &vol_name, &agent_id).await
            }
            OwnedVolumeCommand::Delete { app_name_or_id, vol_name, consent } => {
                delete(run, &app_name_or_id, &vol_name, consent).await
            }
        }
    }
}

async fn list(session: &Session, application: Option<&str>) -> Result<Reply, Failure> {
    let mut volumes = session.owned_volumes().await?;
    if let Some(name_or_id) = application {
        let aid = lookup::application(session, name_or_id).await?.aid;
        volumes.retain(|volume| volume.app_id == aid);
    }
    let rows: Vec<Row> = volumes.into_iter().map(row).collect();
    let columns = ["aid", "application", "sid", "vol_name", "vol_size", "state", "cloud"];
    Ok(Reply::table(&columns, &rows, "No existing storage volumes."))
}

fn row(volume: OwnedVolumeView) -> Row {
    Row {
        aid: volume.app_id,
        application: volume.app_name,
        sid: volume.service_id,
        vol_name: volume.name,
        vol_size: volume.size,
        state: volume.state,
        cloud: volume.cloud,
    }
}

async fn attach(run: &Invocation, application: &str, name: &str, agent: &str) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, application).await?;
    let (found, operation) = run.session.attach_volume(app.aid, name, agent).await?;
    let words = format!("Attaching volume '{name}' to node '{agent}'... ");
    wait::for_service(run, &found, &words, Awaited { operation: &operation, ends: &[State::Running] }).await
}

async fn delete(run: &Invocation, application: &str, name: &str, consent: Consent) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, application).await?;
    let is_meant = |volume: &&OwnedVolumeView| volume.app_id == app.aid && volume.name == name;
    let volumes = run.session.owned_volumes().await?;
    let Some(volume) = volumes.iter().find(is_meant) else {
        return Err(Failure::said(format!("Unknown volume name '{name}' in application {}", app.aid)));
    };
    if volume.state != VolumeState::Kept {
        return Err(Failure::said(format!(
            "volume '{name}' is in use, not kept: 'conpaas generic delete_volume {} {name}' deletes it",
            app.name
        )));
    }
    let lost = format!("volume '{name}' ({} MB) of application '{}'", volume.size, app.name);
    loss::agree_for(run, &format!("Deleting volume '{name}'"), &[lost], consent)?;
    run.session.delete_kept_volume(app.aid, name).await?;
    Ok(Reply::done(format!("Volume '{name}' of application '{}' has been deleted.", app.name)))
}
