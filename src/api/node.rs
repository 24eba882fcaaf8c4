//! Nodes between manager and director (`docs/reference/director-api.md` §3.6).

use serde::{Deserialize, Serialize};

/// A volume that is wanted with a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRequest {
    /// Name, with `%(vm_id)s` for the node's id.
    pub vol_name: String,
    /// Size in MB.
    pub vol_size: u64,
    /// Device, such as `sdb`.
    pub dev_name: String,
}

impl VolumeRequest {
    /// Returns whether a volume of this name was made for such a request.
    #[must_use]
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let prefix = self.vol_name.split("%(").next().unwrap_or_default();
        !prefix.is_empty() && name.starts_with(prefix)
    }
}

/// One node that a manager asks for: an element of `nodes_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRequest {
    /// The cloud; absent, empty, `default` and `None` mean the default one.
    #[serde(default)]
    pub cloud: Option<String>,
    /// The node's role in its service.
    pub role: String,
    /// Volumes made and attached with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeRequest>,
    /// Size of instance, where the cloud has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inst_type: Option<String>,
}

/// A volume as the director answers it with a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVolume {
    /// Name.
    pub vol_name: String,
    /// Size in MB.
    pub vol_size: u64,
    /// The cloud's id of it.
    pub vol_id: String,
    /// The node it is attached to.
    pub vm_id: String,
    /// Device, such as `sdb`.
    pub dev_name: String,
    /// The internal name of the cloud.
    pub cloud: String,
}

/// A node as the director answers it, and takes it in `/remove_nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// The internal name of the cloud.
    pub cloud_name: String,
    /// Always 100.
    #[serde(default = "full_weight")]
    pub weight_backend: i64,
    /// Its role in its service.
    #[serde(default)]
    pub role: String,
    /// Address for other nodes.
    pub private_ip: String,
    /// Volumes made with it.
    #[serde(default)]
    pub volumes: Vec<NodeVolume>,
    /// Address for the director and users.
    pub ip: String,
    /// The cloud's id.
    pub vmid: String,
    /// `<cloud><vmid>`.
    pub id: String,
    /// The agent's port, when it is not 5555, which ConPaaS 2.0 does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// What `/create_volume` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeIdView {
    /// The cloud's id of the volume.
    pub volume_id: Option<String>,
}

fn full_weight() -> i64 {
    100
}

#[cfg(test)]
impl NodeView {
    /// Returns a node of the role `node` with this id.
    pub(crate) fn sample(id: &str) -> Self {
        NodeView {
            id: id.to_owned(),
            vmid: id.to_owned(),
            ip: "127.0.0.2".to_owned(),
            private_ip: "127.0.0.2".to_owned(),
            cloud_name: "iaas".to_owned(),
            weight_backend: 100,
            role: "node".to_owned(),
            volumes: Vec::new(),
            port: None,
        }
    }
}
