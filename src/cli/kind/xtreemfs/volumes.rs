//! Volumes and servers: `add_xfs_volume`, `list_xfs_volumes`, `remove_xfs_volume`, `set_osd_size` and ours.

use clap::{Args, Subcommand};
use serde::de::IgnoredAny;

use crate::api::Accepted;
use crate::api::xtreemfs::{Servers, StorageInfo, VolumeAccess, VolumeText};
use crate::cli::command::loss::{self, Consent};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::wait::{self, Awaited};
use crate::model::State;
use crate::rpc::RpcCall;

/// The kind's name.
pub(crate) const NAME: &str = "xtreemfs";

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum VolumeCommand {
    /// Add a volume
    AddXfsVolume(NamedVolume),
    /// List the volumes
    ListXfsVolumes(ServiceNames),
    /// Remove a volume, with all that it holds
    RemoveXfsVolume(NamedVolume),
    /// Set how large the volumes of osd nodes are, which grow
    SetOsdSize {
        #[command(flatten)]
        names: ServiceNames,
        /// Size in MB
        #[arg(allow_negative_numbers = true)]
        volume_size: i64,
    },
    /// Set how much a volume may hold
    SetQuota {
        #[command(flatten)]
        volume: NamedVolume,
        /// Size in MB; 0 for no limit
        #[arg(allow_negative_numbers = true)]
        size: i64,
    },
    /// Set which addresses may mount a volume
    SetClients {
        #[command(flatten)]
        volume: NamedVolume,
        /// '*', an address, or a network such as 10.0.0.0/24
        clients: String,
    },
    /// Show how a volume is mounted, with its password
    MountCommand(NamedVolume),
    /// Set the labels of a node's server, by which volumes choose it (set_policy --labels)
    SetLabels {
        #[command(flatten)]
        names: ServiceNames,
        /// Id of the node
        node_id: String,
        /// Letters from A to Z, such as 'S'; '' for none
        labels: String,
    },
    /// List the servers that have data, and what waits for a copy
    ListServers(ServiceNames),
    /// Give up the node with the metadata, which does not answer: a node that keeps a copy takes over
    Promote {
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        consent: Consent,
    },
}

/// A volume of a service.
#[derive(Debug, Args)]
pub(crate) struct NamedVolume {
    #[command(flatten)]
    names: ServiceNames,
    /// Name of the volume
    volume_name: String,
}

impl NamedVolume {
    async fn call(&self, run: &Invocation, method: &str) -> Result<(FoundService, RpcCall), Failure> {
        let found = self.names.find(&run.session, Some(NAME)).await?;
        let call = RpcCall::post(found.service.0, method).param("volumeName", self.volume_name.as_str());
        Ok((found, call))
    }
}

impl VolumeCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// There is no such service or volume, or its manager refuses.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        match self {
            VolumeCommand::AddXfsVolume(volume) => {
                done(run, &volume, "createVolume", |call| call).await?;
                let name = &volume.volume_name;
                Ok(Reply::done(format!("XtreemFS volume '{name}' has been successfully added.")))
            }
            VolumeCommand::RemoveXfsVolume(volume) => {
                done(run, &volume, "deleteVolume", |call| call).await?;
                let name = &volume.volume_name;
                Ok(Reply::done(format!("XtreemFS volume '{name}' has been successfully removed.")))
            }
            VolumeCommand::ListXfsVolumes(names) => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let text: VolumeText = run.session.service(&found, "listVolumes").await?;
                Ok(Reply::line(text.volumes.as_str(), &text))
            }
            VolumeCommand::SetOsdSize { names, volume_size } => set_osd_size(run, &names, volume_size).await,
            VolumeCommand::SetQuota { volume, size } => {
                done(run, &volume, "set_volume_quota", |call| call.param("size", size)).await?;
                let name = &volume.volume_name;
                Ok(Reply::done(match size {
                    0 => format!("Volume '{name}' has no limit now."),
                    size => format!("Volume '{name}' holds at most {size} MB now."),
                }))
            }
            VolumeCommand::SetClients { volume, clients } => {
                done(run, &volume, "set_volume_clients", |call| call.param("clients", clients.as_str())).await?;
                Ok(Reply::done(format!("Volume '{}' can be mounted from {clients} now.", volume.volume_name)))
            }
            VolumeCommand::MountCommand(volume) => {
                let (found, call) = volume.call(run, "get_volume_access").await?;
                let access: VolumeAccess = run.session.manager(found.application, call).await?;
                let VolumeAccess { host, name, password } = &access;
                let lines = [format!("mfsmount -H {host} -S /{name} -p MOUNT_POINT"), format!("password: {password}")];
                Ok(Reply::lines(&lines, &access))
            }
            VolumeCommand::SetLabels { names, node_id, labels } => set_labels(run, &names, &node_id, &labels).await,
            VolumeCommand::ListServers(names) => list_servers(run, &names).await,
            VolumeCommand::Promote { names, consent } => promote(run, &names, consent).await,
        }
    }
}

async fn done(
    run: &Invocation,
    volume: &NamedVolume,
    method: &str,
    more: impl FnOnce(RpcCall) -> RpcCall,
) -> Result<(), Failure> {
    let (found, call) = volume.call(run, method).await?;
    run.session.manager::<IgnoredAny>(found.application, more(call)).await.map(drop)
}

async fn set_osd_size(run: &Invocation, names: &ServiceNames, size: i64) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let call = RpcCall::post(found.service.0, "set_osd_size").param("size", size);
    let info: StorageInfo = run.session.manager(found.application, call).await?;
    if u64::try_from(size).ok() != Some(info.osd_volume_size) {
        return Err(Failure::said(format!("Cannot resize a volume to {size} MB.")));
    }
    Ok(Reply::line(format!("OSD volume size is now {} MBs.", info.osd_volume_size), &info))
}

async fn set_labels(run: &Invocation, names: &ServiceNames, node_id: &str, labels: &str) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let call = RpcCall::post(found.service.0, "set_server_labels").param("serviceNodeId", node_id);
    let operation: Accepted = run.session.manager(found.application, call.param("labels", labels)).await?;
    let awaited = Awaited { operation: &operation, ends: &[State::Running] };
    let end = wait::for_service(&run.session, &found, awaited, &|_| {}).await?;
    if end.is_failure {
        let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
        return Err(Failure::said(format!("the labels are not set: {reason}")));
    }
    Ok(Reply::done(match labels {
        "" => format!("The server of node {node_id} has no label now."),
        labels => format!("The server of node {node_id} has the labels {labels} now."),
    }))
}

async fn list_servers(run: &Invocation, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let servers: Servers = run.session.service(&found, "get_servers").await?;
    let columns = ["id", "ip", "state", "labels", "n_chunks", "used_mb", "total_mb"];
    Ok(Reply::table(&columns, &servers.servers, "No servers."))
}

async fn promote(run: &Invocation, names: &ServiceNames, consent: Consent) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let lost = [
        "the first node, with its volumes and the only copies of files on them".to_owned(),
        "changes that the node told of too late for a copy".to_owned(),
    ];
    loss::agree_for(run, "Giving up the node with the metadata", &lost, consent)?;
    run.session.manager::<IgnoredAny>(found.application, RpcCall::post(found.service.0, "promote")).await?;
    let awaited = Awaited { operation: &Accepted::default(), ends: &[State::Running] };
    let end = wait::for_service(&run.session, &found, awaited, &|_| {}).await?;
    if end.is_failure {
        let reason = end.reason.unwrap_or_else(|| "its manager does not say why".to_owned());
        return Err(Failure::said(format!("no node took over: {reason}")));
    }
    Ok(Reply::done("Another node has the metadata now."))
}
