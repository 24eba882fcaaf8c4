//! What the services answer, as far as it is read. Clouds differ in what they
//! leave out or leave empty, so little is demanded.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// `null` is as good as nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
pub(super) struct Made {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServerMade {
    pub(super) server: Made,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServerFound {
    pub(super) server: Server,
}

#[derive(Debug, Deserialize)]
pub(super) struct Servers {
    pub(super) servers: Vec<Server>,
    /// There when there are more.
    #[serde(default)]
    pub(super) servers_links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Link {}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Server {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, rename = "OS-EXT-STS:task_state")]
    pub(super) task: Option<String>,
    #[serde(default)]
    pub(super) created: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) addresses: BTreeMap<String, Vec<Address>>,
    #[serde(default)]
    pub(super) fault: Option<Fault>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Address {
    pub(super) addr: String,
    /// `fixed` or `floating`.
    #[serde(default, rename = "OS-EXT-IPS:type")]
    pub(super) sort: String,
}

/// Why a server is in state ERROR.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Console {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) output: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ports {
    pub(super) ports: Vec<Port>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Port {
    pub(super) id: String,
    #[serde(default)]
    pub(super) fixed_ips: Vec<FixedIp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FixedIp {
    pub(super) ip_address: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct FloatingIps {
    pub(super) floatingips: Vec<FloatingIp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FloatingIpFound {
    pub(super) floatingip: FloatingIp,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FloatingIp {
    pub(super) id: String,
    pub(super) floating_ip_address: String,
    #[serde(default)]
    pub(super) port_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) description: String,
    #[serde(default)]
    pub(super) revision_number: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volumes {
    pub(super) volumes: Vec<Volume>,
    #[serde(default)]
    pub(super) volumes_links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VolumeFound {
    pub(super) volume: Volume,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Volume {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attachment {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) server_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeAttachments {
    pub(super) volume_attachments: Vec<VolumeAttachment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeAttachment {
    pub(super) volume_id: String,
}

/// Cinder's words on what it could not do.
#[derive(Debug, Deserialize)]
pub(super) struct Messages {
    pub(super) messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) user_message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Images {
    pub(super) images: Vec<Image>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Image {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) min_disk: u64,
    #[serde(default)]
    pub(super) min_ram: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Flavors {
    pub(super) flavors: Vec<Flavor>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Flavor {
    pub(super) id: String,
    pub(super) name: String,
    /// MB.
    #[serde(default)]
    pub(super) ram: u64,
    /// GB; 0 is as large as the image.
    #[serde(default)]
    pub(super) disk: u64,
    #[serde(default)]
    pub(super) vcpus: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Networks {
    pub(super) networks: Vec<Network>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Network {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    /// Whether it is another project's, for all to use.
    #[serde(default)]
    pub(super) shared: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct SecurityGroups {
    pub(super) security_groups: Vec<SecurityGroup>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SecurityGroupMade {
    pub(super) security_group: Made,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SecurityGroup {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) security_group_rules: Vec<SecurityRule>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SecurityRule {
    #[serde(default)]
    pub(super) direction: String,
    #[serde(default)]
    pub(super) ethertype: Option<String>,
    /// `tcp`, `6`, or nothing for all.
    #[serde(default)]
    pub(super) protocol: Option<String>,
    #[serde(default)]
    pub(super) port_range_min: Option<u16>,
    #[serde(default)]
    pub(super) port_range_max: Option<u16>,
    /// Whom it lets in; nothing for everybody.
    #[serde(default)]
    pub(super) remote_group_id: Option<String>,
}

impl SecurityRule {
    pub(super) fn lets_in(&self, tcp_port: u16) -> bool {
        let is_in = self.direction == "ingress" && self.ethertype.as_deref() != Some("IPv6");
        let is_for_all = self.remote_group_id.is_none();
        let is_tcp = matches!(self.protocol.as_deref(), None | Some("tcp" | "6" | "any"));
        let range = self.port_range_min.unwrap_or(0)..=self.port_range_max.unwrap_or(u16::MAX);
        is_in && is_for_all && is_tcp && range.contains(&tcp_port)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyPairMade {
    pub(super) keypair: KeyPair,
}

/// Its private key is secret, and only there once: no `Debug`.
#[derive(Deserialize)]
pub(super) struct KeyPair {
    #[serde(default)]
    pub(super) private_key: Option<String>,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair")
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Limits {
    pub(super) limits: LimitsInside,
}

#[derive(Debug, Deserialize)]
pub(super) struct LimitsInside {
    pub(super) absolute: BTreeMap<String, i64>,
}
