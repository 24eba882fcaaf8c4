//! What a node is to run: written down before anything is done about it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::api::mysql::{Restored, Schedule};

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
    /// When this node makes backups by itself.
    pub backup_schedule: Option<Schedule>,
}

impl Wanted {
    /// Returns whether a program of this node uses the node's certificate.
    pub(super) fn uses_tls(&self) -> bool {
        let clusters = self.member.as_ref().map(|member| &member.cluster).into_iter().chain(&self.arbitrator);
        clusters.into_iter().any(|cluster| cluster.tls)
    }
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
    /// Whether they talk with each other by TLS. All of them do, or none.
    #[serde(default)]
    pub tls: bool,
}
