//! What the agent of a node holds on to.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::super::figures::Meter;
use super::keeper::Keeper;
use super::member::Observer;
use super::pieces::Pieces;
use super::place::Place;
use super::wanted::Member;
use crate::service::error::MethodError;
use crate::service::volume::mount::Volumes;
use crate::task::Tasks;

/// The agent of a node.
pub(super) struct MysqlAgent {
    pub tasks: Tasks,
    pub place: Place,
    pub keeper: Arc<Keeper>,
    pub observer: Arc<Observer>,
    pub volumes: Volumes,
    pub meter: Meter,
    /// When it last began the cluster: its first start makes tables, which takes a while.
    pub begun: Mutex<Option<Instant>>,
    /// Dumps that are loaded.
    pub dumps: Pieces,
    /// Backups that are unpacked.
    pub backups: Pieces,
}

impl MysqlAgent {
    /// Returns the member of this node; refuses what only a member can do.
    ///
    /// # Errors
    /// Returns an error if this node is none.
    pub(super) async fn member(&self, what: &str) -> Result<Member, MethodError> {
        let member = self.keeper.wanted().await?.member;
        member.ok_or_else(|| MethodError::refused(format!("{what}: agent is not running a mysqld daemon.")))
    }
}
