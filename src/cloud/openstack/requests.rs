//! The bodies of calls that make or change something, in OpenStack's own words.
//!
//! Must not know: who sends them, and when. No `Debug` where a node's
//! invitation is in it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ids::VolumeId;

/// Marks of something that is made.
pub(crate) type Metadata<'a> = BTreeMap<&'a str, &'a str>;

/// Something that is meant by its name.
#[derive(Serialize)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
}

#[derive(Serialize)]
pub(crate) struct CreateServer<'a> {
    pub(crate) server: NewServer<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewServer<'a> {
    pub(crate) name: &'a str,
    #[serde(rename = "imageRef")]
    pub(crate) image: String,
    #[serde(rename = "flavorRef")]
    pub(crate) flavor: String,
    pub(crate) networks: ServerNetworks,
    pub(crate) key_name: &'a str,
    pub(crate) security_groups: [Named<'a>; 1],
    /// Base64 of the invitation.
    pub(crate) user_data: String,
    pub(crate) metadata: Metadata<'a>,
    pub(crate) tags: [String; 1],
}

/// The networks of a server.
pub(crate) enum ServerNetworks {
    /// The only one that there is.
    Auto,
    /// The configured one.
    These([NetworkId; 1]),
}

impl Serialize for ServerNetworks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ServerNetworks::Auto => serializer.serialize_str("auto"),
            ServerNetworks::These(networks) => networks.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct NetworkId {
    pub(crate) uuid: String,
}

/// What nova is to do with a server. Where nothing more is to be said it wants a `null`.
#[derive(Serialize)]
pub(crate) enum ServerAction {
    #[serde(rename = "os-start")]
    Start(()),
    #[serde(rename = "os-stop")]
    Stop(()),
    #[serde(rename = "resume")]
    Resume(()),
    #[serde(rename = "unpause")]
    Unpause(()),
    #[serde(rename = "unshelve")]
    Unshelve(()),
    #[serde(rename = "os-getConsoleOutput")]
    ShowConsole {
        /// Lines.
        length: u32,
    },
}

#[derive(Serialize)]
pub(crate) struct CreateVolume<'a> {
    pub(crate) volume: NewVolume<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewVolume<'a> {
    pub(crate) name: &'a str,
    #[serde(rename = "size")]
    pub(crate) size_gb: u64,
    pub(crate) metadata: Metadata<'a>,
}

#[derive(Serialize)]
pub(crate) struct AttachVolume<'a> {
    #[serde(rename = "volumeAttachment")]
    pub(crate) attachment: VolumeToAttach<'a>,
}

#[derive(Serialize)]
pub(crate) struct VolumeToAttach<'a> {
    #[serde(rename = "volumeId")]
    pub(crate) volume: &'a VolumeId,
}

#[derive(Serialize)]
pub(crate) struct CreateFloatingIp<'a> {
    pub(crate) floatingip: NewFloatingIp<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewFloatingIp<'a> {
    pub(crate) floating_network_id: &'a str,
    pub(crate) port_id: &'a str,
    pub(crate) description: String,
}

#[derive(Serialize)]
pub(crate) struct UpdateFloatingIp<'a> {
    pub(crate) floatingip: FloatingIpPort<'a>,
}

#[derive(Serialize)]
pub(crate) struct FloatingIpPort<'a> {
    pub(crate) port_id: &'a str,
}

#[derive(Serialize)]
pub(crate) struct CreateSecurityGroup<'a> {
    pub(crate) security_group: NewSecurityGroup<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewSecurityGroup<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'static str,
}

#[derive(Serialize)]
pub(crate) struct CreateSecurityRule<'a> {
    pub(crate) security_group_rule: NewSecurityRule<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewSecurityRule<'a> {
    security_group_id: &'a str,
    direction: &'static str,
    ethertype: &'static str,
    protocol: &'static str,
    port_range_min: u16,
    port_range_max: u16,
}

impl<'a> NewSecurityRule<'a> {
    /// Lets everybody in at one TCP port.
    pub(crate) fn letting_in(group: &'a str, port: u16) -> NewSecurityRule<'a> {
        NewSecurityRule {
            security_group_id: group,
            direction: "ingress",
            ethertype: "IPv4",
            protocol: "tcp",
            port_range_min: port,
            port_range_max: port,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CreateKeyPair<'a> {
    pub(crate) keypair: Named<'a>,
}

#[derive(Serialize)]
pub(crate) struct CreateImage<'a> {
    pub(crate) name: &'a str,
    pub(crate) disk_format: &'static str,
    pub(crate) container_format: &'static str,
    pub(crate) visibility: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_is_asked_for_in_novas_words() {
        let body = |networks| CreateServer {
            server: NewServer {
                name: "conpaas-u1-a2-mgr",
                image: "i".to_owned(),
                flavor: "f".to_owned(),
                networks,
                key_name: "k",
                security_groups: [Named { name: "g" }],
                user_data: "IyE=".to_owned(),
                metadata: BTreeMap::from([("conpaas-node", "n1")]),
                tags: ["conpaas-d".to_owned()],
            },
        };
        let expected = |networks: serde_json::Value| {
            json!({ "server": {
                "name": "conpaas-u1-a2-mgr", "imageRef": "i", "flavorRef": "f", "networks": networks,
                "key_name": "k", "security_groups": [{ "name": "g" }], "user_data": "IyE=",
                "metadata": { "conpaas-node": "n1" }, "tags": ["conpaas-d"],
            }})
        };
        assert_eq!(serde_json::to_value(body(ServerNetworks::Auto)).unwrap(), expected(json!("auto")));
        let network = ServerNetworks::These([NetworkId { uuid: "n".to_owned() }]);
        assert_eq!(serde_json::to_value(body(network)).unwrap(), expected(json!([{ "uuid": "n" }])));
    }

    #[test]
    fn actions_without_more_to_say_carry_a_null() {
        let shown = |action| serde_json::to_string(&action).unwrap();
        assert_eq!(shown(ServerAction::Stop(())), r#"{"os-stop":null}"#);
        assert_eq!(shown(ServerAction::ShowConsole { length: 9 }), r#"{"os-getConsoleOutput":{"length":9}}"#);
    }

    #[test]
    fn volumes_and_rules_are_asked_for_in_cinders_and_neutrons_words() {
        let volume = NewVolume { name: "vol", size_gb: 2, metadata: BTreeMap::from([("conpaas-volume", "v1")]) };
        assert_eq!(
            serde_json::to_value(CreateVolume { volume }).unwrap(),
            json!({ "volume": { "name": "vol", "size": 2, "metadata": { "conpaas-volume": "v1" } } })
        );
        let id: VolumeId = serde_json::from_value(json!("v")).unwrap();
        let attach = AttachVolume { attachment: VolumeToAttach { volume: &id } };
        assert_eq!(serde_json::to_value(attach).unwrap(), json!({ "volumeAttachment": { "volumeId": "v" } }));
        let rule = CreateSecurityRule { security_group_rule: NewSecurityRule::letting_in("g", 443) };
        assert_eq!(
            serde_json::to_value(rule).unwrap(),
            json!({ "security_group_rule": {
                "security_group_id": "g", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
                "port_range_min": 443, "port_range_max": 443,
            }})
        );
    }
}
