//! What the services answer, as far as it is read. Clouds differ in what they
//! leave out or leave empty, so little is demanded.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::ids::{ServerId, VolumeId};

/// `null` is as good as nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MadeServer {
    pub(crate) id: ServerId,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServerMade {
    pub(crate) server: MadeServer,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServerFound {
    pub(crate) server: Server,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Servers {
    pub(crate) servers: Vec<Server>,
    /// There when there are more.
    #[serde(default)]
    pub(crate) servers_links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Link {}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Server {
    pub(crate) id: ServerId,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default, rename = "OS-EXT-STS:task_state")]
    pub(crate) task: Option<String>,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) addresses: BTreeMap<String, Vec<Address>>,
    #[serde(default)]
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Address {
    pub(crate) addr: String,
    /// `fixed` or `floating`.
    #[serde(default, rename = "OS-EXT-IPS:type")]
    pub(crate) sort: String,
}

/// Why a server is in state ERROR.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fault {
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Console {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) output: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Ports {
    pub(crate) ports: Vec<Port>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Port {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) fixed_ips: Vec<FixedIp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FixedIp {
    pub(crate) ip_address: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FloatingIps {
    pub(crate) floatingips: Vec<FloatingIp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FloatingIpFound {
    pub(crate) floatingip: FloatingIp,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FloatingIp {
    pub(crate) id: String,
    pub(crate) floating_ip_address: String,
    #[serde(default)]
    pub(crate) port_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) revision_number: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Volumes {
    pub(crate) volumes: Vec<Volume>,
    #[serde(default)]
    pub(crate) volumes_links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct VolumeFound {
    pub(crate) volume: Volume,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: VolumeId,
    pub(crate) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) attachments: Vec<Attachment>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Attachment {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) server_id: ServerId,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeAttachments {
    pub(crate) volume_attachments: Vec<VolumeAttachment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeAttachment {
    pub(crate) volume_id: VolumeId,
}

/// Cinder's words on what it could not do.
#[derive(Debug, Deserialize)]
pub(crate) struct Messages {
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) user_message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Images {
    pub(crate) images: Vec<Image>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) size: Option<u64>,
    #[serde(default)]
    pub(crate) min_disk: u64,
    #[serde(default)]
    pub(crate) min_ram: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Flavors {
    pub(crate) flavors: Vec<Flavor>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Flavor {
    pub(crate) id: String,
    pub(crate) name: String,
    /// MB.
    #[serde(default)]
    pub(crate) ram: u64,
    /// GB; 0 is as large as the image.
    #[serde(default)]
    pub(crate) disk: u64,
    #[serde(default)]
    pub(crate) vcpus: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Networks {
    pub(crate) networks: Vec<Network>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Network {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    /// Whether it is another project's, for all to use.
    #[serde(default)]
    pub(crate) shared: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SecurityGroups {
    pub(crate) security_groups: Vec<SecurityGroup>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SecurityGroupMade {
    pub(crate) security_group: Made,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) security_group_rules: Vec<SecurityRule>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SecurityRule {
    #[serde(default)]
    pub(crate) direction: String,
    #[serde(default)]
    pub(crate) ethertype: Option<String>,
    /// `tcp`, `6`, or nothing for all.
    #[serde(default)]
    pub(crate) protocol: Option<String>,
    #[serde(default)]
    pub(crate) port_range_min: Option<u16>,
    #[serde(default)]
    pub(crate) port_range_max: Option<u16>,
    /// Whom it lets in; nothing for everybody.
    #[serde(default)]
    pub(crate) remote_group_id: Option<String>,
}

impl SecurityRule {
    pub(crate) fn lets_in(&self, tcp_port: u16) -> bool {
        let is_in = self.direction == "ingress" && self.ethertype.as_deref() != Some("IPv6");
        let is_for_all = self.remote_group_id.is_none();
        let is_tcp = matches!(self.protocol.as_deref(), None | Some("tcp" | "6" | "any"));
        let range = self.port_range_min.unwrap_or(0)..=self.port_range_max.unwrap_or(u16::MAX);
        is_in && is_for_all && is_tcp && range.contains(&tcp_port)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeyPairMade {
    pub(crate) keypair: KeyPair,
}

/// Its private key is secret, and only there once: no `Debug`.
#[derive(Deserialize)]
pub(crate) struct KeyPair {
    #[serde(default)]
    pub(crate) private_key: Option<String>,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Limits {
    pub(crate) limits: LimitsInside,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LimitsInside {
    pub(crate) absolute: BTreeMap<String, i64>,
}
