//! What a node is to run: written down before anything is done about it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::api::mysql::Restored;

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
