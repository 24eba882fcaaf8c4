//! The node's side of shared storage (`docs/reference/agent-api.md` §7).
//!
//! # Guarantees
//! - What a call says is written down before anything is done about it.
//! - A call that is repeated changes nothing.
//! - Data stays where it was first, also if its volume is not there: then the programs do not start.

mod cluster;
mod daemons;
mod keeper;
mod metadata;
mod methods;
mod node;
mod place;
mod snapshot;
mod volumes;
mod wanted;

use std::sync::Arc;

use async_trait::async_trait;

use self::cluster::Observer;
use self::keeper::Keeper;
use self::node::XtreemfsAgent;
use self::place::Place;
use crate::service::agent_side::{AgentEnvironment, AgentKind};
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::method::{BoundMethod, bind};
use crate::service::volume::mount::Volumes;
use crate::service::wanted_file::WantedFile;
use crate::supervise::daemon::Supervisor;
use crate::sys;

/// The log of the directory and of the metadata, which are one program.
pub(super) const MASTER_LOG: LogFile =
    LogFile { filename: "mrc.log", description: "MRC log", path: "/var/log/xtreemfs/mrc.log" };
/// The log of a server with data.
pub(super) const SERVER_LOG: LogFile =
    LogFile { filename: "osd.log", description: "OSD log", path: "/var/log/xtreemfs/osd.log" };
/// The same log as that of the metadata, by the name of ConPaaS 2.0.
const DIRECTORY_LOG: LogFile =
    LogFile { filename: "dir.log", description: "DIR log", path: "/var/log/xtreemfs/dir.log" };

/// Makes the side of a node.
///
/// # Errors
/// Returns an error if its directories cannot be made.
pub(super) fn make(environment: &AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError> {
    let AgentEnvironment { config, tasks } = environment;
    let base = &config.base;
    let place = Place::new(config);
    let daemons = Supervisor::new(&place.daemons, tasks.clone());
    let daemons = daemons.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    for (log, daemon) in
        [(&MASTER_LOG, daemons::MASTER), (&DIRECTORY_LOG, daemons::MASTER), (&SERVER_LOG, daemons::SERVER)]
    {
        place.show_log(&base.rooted(log.path), daemon)?;
    }
    let file = WantedFile::at(base.rooted(&base.var_tmp).join("xtreemfs.json"));
    Ok(Arc::new(XtreemfsAgent {
        keeper: Arc::new(Keeper::new(place, file, daemons, Volumes::new(base))),
        observer: Observer::new(),
        volumes: Volumes::new(base),
        environment: environment.clone(),
    }))
}

#[async_trait]
impl AgentKind for XtreemfsAgent {
    fn methods(self: Arc<Self>) -> Vec<BoundMethod> {
        bind(methods::METHODS, &self)
    }

    fn logs(&self) -> &'static [LogFile] {
        const { &[DIRECTORY_LOG, MASTER_LOG, SERVER_LOG] }
    }

    async fn resume(self: Arc<Self>) {
        self.volumes.resume().await;
        let keeper = Arc::clone(&self.keeper);
        let stopping = self.environment.tasks.stopping();
        self.environment.tasks.spawn("storage", keeper.keep(stopping));
    }
}
