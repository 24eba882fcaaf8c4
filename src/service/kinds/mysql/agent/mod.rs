//! The node's side of a mysql service (`docs/reference/agent-api.md` §6).
//!
//! A call says what is wanted, and returns when that is written down: a member that gets the data of another one is
//! ready when it has all of it. `get_member_state` tells how far it is.
//!
//! # Guarantees
//! - A call that is repeated changes nothing.
//! - A member's data stays where it was first, also if its volume is not there: then it does not start.
//! - The position of data is recovered before every start that is not the first.

mod account;
mod backup;
mod backup_store;
mod begin;
mod certificate;
mod daemons;
mod health;
mod keeper;
mod kept_backups;
mod load;
mod member;
mod memory;
mod methods;
mod node;
mod pieces;
mod place;
mod run_dump;
mod sql;
mod tls;
mod wanted;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use self::keeper::Keeper;
use self::member::Observer;
use self::node::MysqlAgent;
use self::pieces::Pieces;
use self::place::Place;
use super::figures::Meter;
use crate::service::agent_side::{AgentEnvironment, AgentKind};
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::method::{BoundMethod, bind};
use crate::service::volume::mount::Volumes;
use crate::service::wanted_file::WantedFile;
use crate::supervise::daemon::Supervisor;
use crate::sys;

/// The log that members write.
pub(super) const MYSQL_LOG: LogFile =
    LogFile { filename: "mysql.log", description: "MySQL log", path: "/var/cache/cpsagent/mysql.log" };

/// Makes the side of a node.
///
/// # Errors
/// Returns an error if its directories cannot be made.
pub(super) fn make(environment: &AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError> {
    let AgentEnvironment { config, tasks } = environment;
    let base = &config.base;
    let directory = base.rooted(&base.var_tmp);
    let place = Place::new(config);
    place.prepare()?;
    let supervised = directory.join("daemons");
    let daemons = Supervisor::new(&supervised, tasks.clone());
    let daemons = daemons.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    Place::show_log(config, &supervised.join(daemons::MYSQLD).join("stderr"))?;
    let keeper = Arc::new(Keeper::new(place.clone(), WantedFile::at(directory.join("mysql.json")), daemons));
    Ok(Arc::new(MysqlAgent {
        tasks: tasks.clone(),
        place,
        keeper,
        observer: Arc::new(Observer::new()),
        volumes: Volumes::new(base),
        meter: Meter::new(),
        begun: Mutex::default(),
        dumps: Pieces::of("dump"),
        backups: Pieces::of("backup"),
    }))
}

#[async_trait]
impl AgentKind for MysqlAgent {
    fn methods(self: Arc<Self>) -> Vec<BoundMethod> {
        bind(methods::METHODS, &self)
    }

    fn logs(&self) -> &'static [LogFile] {
        &[MYSQL_LOG]
    }

    async fn resume(self: Arc<Self>) {
        let stopping = || self.tasks.stopping();
        self.tasks.spawn("keeper", Arc::clone(&self.keeper).run(stopping()));
        self.tasks.spawn("health", health::serve(self.place.clone(), Arc::clone(&self.observer), stopping()));
        self.tasks.spawn("certificate", certificate::keep_renewed(Arc::clone(&self), stopping()));
        self.volumes.resume().await;
        self.keeper.again();
        self.tasks.spawn("backups", kept_backups::keep(Arc::clone(&self), stopping()));
    }
}
