//! `storage`: volumes of shared storage that services mount.

use async_trait::async_trait;
use clap::Subcommand;

use super::links;
use super::service_names::ServiceNames;
use crate::api::ApplicationView;
use crate::api::environment::StorageLinkList;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum StorageCommand {
    /// Mount a volume in all nodes of a service, now and later
    Link {
        #[command(flatten)]
        names: ServiceNames,
        /// Name of the volume
        volume_name: String,
        /// Directory of the nodes, such as /srv/pictures
        path: String,
        /// Name or identifier of the service that has the volume; needed where several have one of this name
        #[arg(long, value_name = "SERVICE")]
        of: Option<String>,
    },
    /// Unmount a volume from all nodes of a service; what it holds stays
    Unlink {
        #[command(flatten)]
        names: ServiceNames,
        /// The directory where it is mounted
        path: String,
    },
    /// List what services of an application mount
    Links {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
}

#[async_trait(?Send)]
impl Action for StorageCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        match *self {
            StorageCommand::Link { names, volume_name, path, of } => {
                let found = names.find(&run.session, None).await?;
                let call = RpcCall::post(0, "link_storage").param("service_id", found.service.0);
                let mut call = call.param("volume", volume_name.as_str()).param("path", path.as_str());
                if let Some(of) = of {
                    let source = lookup::service(&run.session, None, &names.app_name_or_id, &of).await?;
                    call = call.param("to_service_id", source.service.0);
                }
                let operation = run.session.accepted(found.application, call).await?;
                links::settle(run, &found, &operation).await?;
                Ok(Reply::done(format!("Service {} has volume '{volume_name}' at {path}.", found.service)))
            }
            StorageCommand::Unlink { names, path } => {
                let found = names.find(&run.session, None).await?;
                let call = RpcCall::post(0, "unlink_storage").param("service_id", found.service.0);
                let operation = run.session.accepted(found.application, call.param("path", path.as_str())).await?;
                links::settle(run, &found, &operation).await?;
                Ok(Reply::done(format!("Service {} has nothing at {path} any more; the data stays.", found.service)))
            }
            StorageCommand::Links { app_name_or_id } => {
                let app: ApplicationView = lookup::application(&run.session, &app_name_or_id).await?;
                let call = RpcCall::get(0, "list_storage_links");
                let list: StorageLinkList = run.session.manager(app.aid, call).await?;
                let columns = ["service_id", "to_service_id", "volume", "path", "host"];
                Ok(Reply::table(&columns, &list.links, "No links."))
            }
        }
    }
}
