//! A database with one user and one application, for tests of this room and of the director.

use super::application::Application;
use super::node::{NewNode, Phase};
use super::user::NewUser;
use super::{application, node, user};
use crate::model::{ApplicationId, CloudName, NodeRole, ServiceId, State, UserId};
use crate::store::{Store, StoreError, Transaction};

/// The database, and who is in it.
pub(crate) struct Sample {
    pub(crate) store: Store,
    pub(crate) uid: UserId,
    pub(crate) aid: ApplicationId,
    directory: tempfile::TempDir,
}

impl Sample {
    pub(crate) fn new(credit: i64) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = super::open(&directory.path().join("director.db")).expect("a database");
        let (uid, aid) = store
            .write_blocking(|tx| {
                let uid = user::insert(tx, &new_user("alice", credit))?;
                Ok::<_, StoreError>((uid, application::insert(tx, uid, "app")?))
            })
            .expect("rows");
        Sample { store, uid, aid, directory }
    }

    /// Runs `work` in one transaction.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.store.write_blocking(work)
    }

    /// Runs `work`, which does not fail, in one transaction.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> T {
        self.store.write_blocking(work).expect("the database works")
    }

    /// Records a node that is being made; returns its row.
    pub(crate) fn add_node(&self, tag: &str, role: NodeRole) -> i64 {
        let node = self.new_node(tag, role);
        self.run(|tx| node::insert(tx, &node))
    }

    pub(crate) fn new_node(&self, tag: &str, role: NodeRole) -> NewNode {
        NewNode {
            tag: tag.parse().expect("a tag"),
            cloud: CloudName::default_cloud(),
            role,
            uid: self.uid,
            aid: self.aid,
            sid: if role == NodeRole::Manager { ServiceId::MANAGER } else { ServiceId(1) },
            operation: None,
            request: "{}".into(),
            created: 0,
        }
    }

    pub(crate) fn application(&self) -> Application {
        self.run(|tx| application::owned(tx, self.aid, self.uid)).expect("an application")
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.run(|tx| application::status(tx, self.aid))
    }

    pub(crate) fn phase(&self, rid: i64) -> Option<Phase> {
        self.run(|tx| node::phase(tx, rid))
    }

    pub(crate) fn credit(&self) -> i64 {
        self.run(|tx| user::credit(tx, self.uid)).expect("a user")
    }

    /// How much SQLite has appended so far, in bytes.
    pub(crate) fn n_written(&self) -> u64 {
        std::fs::metadata(self.directory.path().join("director.db-wal")).expect("a log").len()
    }
}

/// A user with this name, all else made up.
pub(crate) fn new_user(username: &str, credit: i64) -> NewUser {
    NewUser {
        username: username.into(),
        fname: String::new(),
        lname: String::new(),
        email: format!("{username}@example.org"),
        affiliation: String::new(),
        password_hash: String::new(),
        created: String::new(),
        credit,
        uuid: String::new(),
        openid: None,
    }
}
