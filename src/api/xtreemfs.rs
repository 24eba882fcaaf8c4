//! What managers and agents of services with shared storage answer (`docs/reference/manager-api.md` §5.5,
//! `docs/reference/agent-api.md` §7).

use serde::{Deserialize, Serialize};

use super::manager::LogView;
use crate::model::State;

/// `get_service_info`, `toggle_persistent`, `set_osd_size`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageInfo {
    /// The service's state.
    pub state: State,
    /// `xtreemfs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a stop keeps the data.
    pub persistent: bool,
    /// The size of the volume of an osd node, in MB.
    pub osd_volume_size: u64,
    /// Why the last operation was undone, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `get_node_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageNodeInfo {
    /// The node.
    #[serde(rename = "serviceNode")]
    pub node: StorageNode,
}

/// A node with shared storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageNode {
    /// `<cloud><vmid>`.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// The cloud's id.
    pub vmid: String,
    /// The internal name of the cloud.
    pub cloud: String,
    /// Whether it has the directory of services, which is one program with the metadata.
    pub dir: bool,
    /// Whether it has the metadata, or keeps a copy.
    pub mrc: bool,
    /// Whether it has data.
    pub osd: bool,
    /// Its role in the service.
    pub role: String,
    /// The logs that may be read; the agent's own is the first.
    pub logs: Vec<LogView>,
}

/// `listVolumes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeText {
    /// A line each: a tab, the name, a tab, `->`, a tab, the volume's id.
    pub volumes: String,
}

/// `list_striping_policies` and the like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyNames {
    /// With commas between them.
    pub policies: String,
}

/// `set_striping_policy` and the like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyOutput {
    /// What was done, for people.
    pub stdout: String,
}

/// `get_client_cert`, `get_user_cert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientCertificate {
    /// PKCS#12, in base64.
    pub cert: String,
    /// How the volumes are mounted (ours): one command each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount: Vec<String>,
}

/// A volume as `get_volumes` tells it (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedVolumeView {
    /// Its name.
    pub name: String,
    /// Whom it was made for.
    pub owner: String,
    /// How many servers have each of its files.
    pub copies: u32,
    /// The most bytes that it may hold, in MB; null if there is no such limit.
    pub quota_mb: Option<u64>,
    /// Which addresses may mount it.
    pub clients: String,
    /// The labels of the servers that its files are on; empty if they may be on any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The address of the server that clients ask.
    pub host: Option<String>,
}

/// What clients mount a volume with: `get_volume_access` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeAccess {
    /// The address of the server that clients ask.
    pub host: String,
    /// The volume.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// How an agent's programs are: `get_storage_state` (ours).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageState {
    /// Its programs.
    pub programs: Vec<ProgramState>,
    /// A fingerprint of what the master was told to be; empty at other nodes.
    #[serde(default)]
    pub wish: String,
    /// What the server knows that has the metadata; null at other nodes, and while it does not answer.
    pub cluster: Option<ClusterState>,
    /// Whether this node keeps a whole copy of the metadata, with which it can take over.
    #[serde(default)]
    pub has_copy: bool,
}

/// A program of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramState {
    /// Its name.
    pub name: String,
    /// Whether it serves.
    pub is_ready: bool,
    /// How often it ended in a row.
    pub n_failures: u32,
    /// Why it does not serve, if something went wrong.
    pub reason: Option<String>,
}

/// What the server with the metadata knows of all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClusterState {
    /// The servers with data.
    pub servers: Vec<DataServer>,
    /// Chunks of which there is no copy on servers that stay.
    pub n_missing: u64,
    /// Chunks that wait for a copy on servers that stay, those that are missing there among them.
    pub n_waiting: u64,
    /// Chunks of which there is no copy at all.
    pub n_lost: u64,
}

/// A server with data: one of `get_servers` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataServer {
    /// The address of its node.
    pub ip: String,
    /// Whether it is there.
    pub is_connected: bool,
    /// Whether all that it has is to be elsewhere.
    pub is_leaving: bool,
    /// How many chunks it has.
    pub n_chunks: u64,
    /// In bytes.
    pub used: u64,
    /// In bytes.
    pub total: u64,
}

/// A server with data as the manager shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerView {
    /// The id of its node.
    pub id: String,
    /// The node's address.
    pub ip: String,
    /// `serves`, `leaves` or `away`.
    pub state: String,
    /// Its labels, a letter each.
    #[serde(default)]
    pub labels: String,
    /// How many chunks it has.
    pub n_chunks: u64,
    /// In MB.
    pub used_mb: u64,
    /// In MB.
    pub total_mb: u64,
}

/// `get_servers` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Servers {
    /// The servers with data.
    pub servers: Vec<ServerView>,
    /// Chunks that wait for a copy.
    pub n_waiting: u64,
    /// Chunks of which there is no copy at all.
    pub n_lost: u64,
}

/// What the server with the metadata is to be: `storage` of an agent's `createDIR` (ours).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MasterWish {
    /// What servers of this service prove each other by.
    pub auth_code: String,
    /// The password of the agent's own mount.
    pub admin_password: String,
    /// Its volumes.
    pub volumes: Vec<VolumeWish>,
}

/// What a volume is to be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeWish {
    /// Its name.
    pub name: String,
    /// The password of those who mount it.
    pub password: String,
    /// Which addresses may mount it: `*`, an address, or a network.
    pub clients: String,
    /// How many servers have each of its files.
    pub copies: u32,
    /// The most bytes that it may hold, in MB.
    pub quota_mb: Option<u64>,
    /// The labels of the servers that have its files, one for each copy; those of fewer labels are taken in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether it is removed with all that it holds.
    #[serde(default)]
    pub is_leaving: bool,
}

/// `get_service_snapshot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceSnapshot {
    /// What each node has.
    pub nodes: Vec<NodeSnapshot>,
    /// The settings of the service, in base64.
    pub manager: String,
}

/// What a node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeSnapshot {
    /// An archive of the metadata, in base64; empty for nodes that have none.
    pub data: String,
    pub dir_uuid: String,
    pub mrc_uuid: String,
    pub osd_uuid: String,
    /// The volume with its part of the data.
    pub volume: String,
    /// The internal name of the cloud.
    pub cloud: String,
}
