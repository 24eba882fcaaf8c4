//! What a node is to run: written down before anything is done about it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::api::mysql::Restored;
use crate::sys::file::{self, FileError};

/// What a node is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A member of the cluster.
    pub member: Option<Member>,
    /// A balancer, by the members that it passes connections on to.
    pub balancer: Option<Vec<SocketAddrV4>>,
    /// A member without data.
    pub arbitrator: Option<Cluster>,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    /// The cluster.
    pub cluster: Cluster,
    /// Variables that were set for the service.
    pub variables: BTreeMap<String, String>,
    /// Where its data is: chosen at the first start, and never another one.
    pub directory: PathBuf,
    /// The last backup that was put in the place of all data.
    #[serde(default)]
    pub restored: Restored,
    /// Another number has the server start anew.
    pub n_begins: u64,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cluster {
    /// Its name, the same for all.
    pub name: String,
    /// All members that have data.
    pub members: Vec<Ipv4Addr>,
}

/// The file that keeps it.
#[derive(Debug, Clone)]
pub(super) struct WantedFile {
    path: PathBuf,
}

impl WantedFile {
    pub(super) fn new(directory: &Path) -> Self {
        WantedFile { path: directory.join("mysql.json") }
    }

    /// Returns what is wanted; nothing on a new node. Blocking.
    ///
    /// # Errors
    /// Returns an error if the file is there and cannot be read: a node never forgets what it runs.
    pub(super) fn read(&self) -> Result<Wanted, FileError> {
        let text = match file::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Wanted::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&text).map_err(|error| FileError::new("understand", &self.path, error.into()))
    }

    /// Writes it down. Blocking.
    ///
    /// # Errors
    /// Returns an error if the disk does not take it.
    pub(super) fn write(&self, wanted: &Wanted) -> Result<(), FileError> {
        let text = serde_json::to_vec(wanted).map_err(|error| FileError::new("write", &self.path, error.into()))?;
        file::write_atomic(&self.path, &text, 0o600)
    }
}
