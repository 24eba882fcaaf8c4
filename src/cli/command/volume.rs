//! Volumes: the sub-commands that every kind of service has whose nodes use
//! volumes. A kind's group flattens [`VolumeCommand`] among its own.

use clap::Subcommand;
use serde::Serialize;

use super::cloud::shown_cloud;
use super::service_names::ServiceNames;
use super::wait;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::client::wait::Awaited;
use crate::model::{ApplicationId, ServiceId, State};

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum VolumeCommand {
    /// Create a volume and attach it to an agent
    CreateVolume {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
        /// Size of the volume (MB)
        #[arg(allow_negative_numbers = true)]
        vol_size: i64,
        /// Identifier of the agent to attach the volume to
        agent_id: String,
    },
    /// Detach and delete a volume
    DeleteVolume {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
    },
    /// List the volumes in use by the agents
    ListVolumes(ServiceNames),
}

/// A row of `list_volumes`.
#[derive(Serialize)]
struct VolumeRow {
    aid: ApplicationId,
    sid: ServiceId,
    vol_name: String,
    vol_size: i64,
    agent_id: String,
    cloud: String,
}

impl VolumeCommand {
    /// Runs the sub-command for services of `kind`.
    ///
    /// # Errors
    /// In upstream's words.
    pub(crate) async fn run(self, run: &Invocation, kind: &str) -> Result<Reply, Failure> {
        match self {
            VolumeCommand::CreateVolume { app_name_or_id, vol_name, vol_size, agent_id } => {
                create(run, &app_name_or_id, &vol_name, vol_size, &agent_id).await
            }
            VolumeCommand::DeleteVolume { app_name_or_id, vol_name } => delete(run, &app_name_or_id, &vol_name).await,
            VolumeCommand::ListVolumes(names) => list(&run.session, &names.find(&run.session, Some(kind)).await?).await,
        }
    }
}

/// Creates a volume of `size_mb` and waits until it is attached to a node.
async fn create(run: &Invocation, application: &str, name: &str, size_mb: i64, agent: &str) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, application).await?;
    let (found, operation) = run.session.create_volume(app.aid, name, size_mb, agent).await?;
    let words = format!("Creating volume '{name}' and attaching it to node '{agent}'... ");
    wait::for_service(run, &found, &words, Awaited { operation: &operation, ends: &[State::Running] }).await
}

/// Deletes a volume and waits until it is gone.
async fn delete(run: &Invocation, application: &str, name: &str) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, application).await?;
    let (found, operation) = run.session.delete_volume(app.aid, name).await?;
    let words = format!("Detaching volume '{name}' and deleting it... ");
    wait::for_service(run, &found, &words, Awaited { operation: &operation, ends: &[State::Running] }).await
}

async fn list(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let volumes = session.volumes(found).await?.into_iter().map(|volume| VolumeRow {
        aid: found.application,
        sid: found.service,
        vol_name: volume.vol_name,
        vol_size: volume.vol_size,
        agent_id: volume.vm_id,
        cloud: shown_cloud(&volume.cloud).to_owned(),
    });
    let columns = ["aid", "sid", "vol_name", "vol_size", "agent_id", "cloud"];
    Ok(Reply::table(&columns, &volumes.collect::<Vec<_>>(), "No existing storage volumes."))
}
