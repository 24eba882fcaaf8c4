//! Which service a command is for, as people type it.

use std::path::PathBuf;

use clap::Args;

use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::session::Session;

/// Which service is meant.
#[derive(Debug, Args)]
pub(crate) struct ServiceNames {
    /// Name or identifier of an application
    pub app_name_or_id: String,
    /// Name or identifier of a service
    pub serv_name_or_id: String,
}

impl ServiceNames {
    /// Finds the service, of one kind only when `kind` says so.
    ///
    /// # Errors
    /// There is no such service.
    pub(crate) async fn find(&self, session: &Session, kind: Option<&str>) -> Result<FoundService, Failure> {
        lookup::service(session, kind, &self.app_name_or_id, &self.serv_name_or_id).await
    }
}

/// A file for a service.
#[derive(Debug, Args)]
pub(crate) struct FileOfService {
    #[command(flatten)]
    pub names: ServiceNames,
    /// The file
    pub filename: PathBuf,
}
