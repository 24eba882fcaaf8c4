//! What is set of shared storage.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::roles;
use crate::api::xtreemfs::{MasterWish, VolumeWish};
use crate::service::role::Counts;
use crate::service::settings::Settings;
use crate::store::manager::NodeRow;
use crate::sys::random;

const SECRET_LENGTH: usize = 32;
/// How large the volume of a new node is if nobody says so.
const OSD_MB: u64 = 1024;
/// How many servers have each file if nobody says so, where there are so many.
const COPIES: u32 = 2;

/// What is set of shared storage.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct XtreemfsSettings {
    /// What servers of this service prove each other by.
    pub auth_code: String,
    /// The password of agents' own mounts.
    pub admin_password: String,
    /// Volumes by their names.
    pub volumes: BTreeMap<String, SharedVolume>,
    /// Whether a stop loses the data; services of ConPaaS 2.0 begin with keeping it.
    pub is_transient: bool,
    /// How large the volume of a node is, in MB.
    pub osd_mb: Option<u64>,
    /// How many nodes of each role the next start makes.
    pub counts: Counts,
    /// Nodes that leave with whatever they have.
    pub given_up: BTreeSet<String>,
    /// Labels of servers by the ids of their nodes, a letter each.
    pub labels: BTreeMap<String, String>,
}

/// A volume that clients mount.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedVolume {
    /// Whom it was made for.
    pub owner: String,
    /// The password of those who mount it.
    pub password: String,
    /// Which addresses may mount it.
    #[serde(default = "everybody")]
    pub clients: String,
    /// How many servers have each file; two where there are so many if nobody says so.
    #[serde(default)]
    pub copies: Option<u32>,
    /// The most bytes that it may hold, in MB.
    #[serde(default)]
    pub quota_mb: Option<u64>,
    /// The labels of the servers that its files are on; empty if they may be on any.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Policies that were set, by their kind.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
    /// Whether it is being removed.
    #[serde(default)]
    pub is_leaving: bool,
}

/// The password of a volume is what keeps others out.
pub(super) fn everybody() -> String {
    "*".to_owned()
}

impl Settings for XtreemfsSettings {}

impl XtreemfsSettings {
    /// Returns what a new service begins with.
    pub(super) fn of_new_service() -> Self {
        XtreemfsSettings { auth_code: secret(), admin_password: secret(), ..XtreemfsSettings::default() }
    }

    /// Returns how large the volume of a node is, in MB.
    pub(super) fn osd_mb(&self) -> u64 {
        self.osd_mb.unwrap_or(OSD_MB)
    }

    /// Returns the labels of a node's server.
    pub(super) fn labels_of(&self, node: &NodeRow) -> &str {
        self.labels.get(&node.view.id).map_or("", String::as_str)
    }

    /// Returns what the server with the metadata is to be, where there are these nodes.
    pub(super) fn master_wish(&self, nodes: &[NodeRow]) -> MasterWish {
        let n_servers = roles::n_servers(nodes);
        let wish = |(name, volume): (&String, &SharedVolume)| VolumeWish {
            name: name.clone(),
            password: volume.password.clone(),
            clients: volume.clients.clone(),
            copies: volume.n_copies(n_servers),
            quota_mb: volume.quota_mb,
            labels: volume.labels.clone(),
            is_leaving: volume.is_leaving,
        };
        MasterWish {
            auth_code: self.auth_code.clone(),
            admin_password: self.admin_password.clone(),
            volumes: self.volumes.iter().map(wish).collect(),
        }
    }
}

impl SharedVolume {
    /// Returns a new volume of nobody else.
    pub(super) fn new(owner: String) -> Self {
        SharedVolume {
            owner,
            password: secret(),
            clients: everybody(),
            copies: None,
            quota_mb: None,
            labels: Vec::new(),
            policies: BTreeMap::new(),
            is_leaving: false,
        }
    }

    /// Returns how many servers have each file where there are so many servers.
    pub(super) fn n_copies(&self, n_servers: usize) -> u32 {
        let most = u32::try_from(n_servers).unwrap_or(u32::MAX).max(1);
        self.copies.unwrap_or_else(|| COPIES.min(most))
    }
}

fn secret() -> String {
    random::alphanumeric(SECRET_LENGTH)
}
