//! What the API answers, as far as it is read. What is not there is empty:
//! other clouds that speak EC2's language leave much out.

use serde::Deserialize;

use super::ids::{InstanceId, VolumeId};

/// A list of the API: `<xSet><item>…</item>…</xSet>`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct List<T> {
    #[serde(rename = "item", default = "Vec::new")]
    pub(crate) items: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { items: Vec::new() }
    }
}

/// An answer of which only the status matters.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Done {}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeInstances {
    #[serde(default)]
    pub(crate) reservation_set: List<Reservation>,
    pub(crate) next_token: Option<String>,
}

/// Also the answer to `RunInstances`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reservation {
    #[serde(default)]
    pub(crate) instances_set: List<Instance>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) instance_id: InstanceId,
    pub(crate) instance_state: InstanceState,
    #[serde(default)]
    pub(crate) private_ip_address: String,
    /// The public one.
    #[serde(default)]
    pub(crate) ip_address: String,
    #[serde(default)]
    pub(crate) launch_time: String,
    pub(crate) placement: Option<Placement>,
    pub(crate) state_reason: Option<StateReason>,
    #[serde(default)]
    pub(crate) tag_set: List<Tag>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InstanceState {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Placement {
    #[serde(default)]
    pub(crate) availability_zone: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StateReason {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeVolumes {
    #[serde(default)]
    pub(crate) volume_set: List<Volume>,
    pub(crate) next_token: Option<String>,
}

/// Also the answer to `CreateVolume`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) volume_id: VolumeId,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) attachment_set: List<Attachment>,
    #[serde(default)]
    pub(crate) tag_set: List<Tag>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    #[serde(default)]
    pub(crate) instance_id: InstanceId,
    #[serde(default)]
    pub(crate) device: String,
    #[serde(default)]
    pub(crate) status: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeSecurityGroups {
    #[serde(default)]
    pub(crate) security_group_info: List<SecurityGroup>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroup {
    pub(crate) group_id: String,
    #[serde(default)]
    pub(crate) ip_permissions: List<Permission>,
}

/// What a security group lets in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permission {
    /// `tcp`, `6`, or `-1` for all.
    #[serde(default)]
    pub(crate) ip_protocol: String,
    pub(crate) from_port: Option<i64>,
    pub(crate) to_port: Option<i64>,
}

impl Permission {
    pub(crate) fn lets_in(&self, tcp_port: u16) -> bool {
        let port = i64::from(tcp_port);
        match self.ip_protocol.as_str() {
            "-1" => true,
            "tcp" | "6" => self.from_port.unwrap_or(0) <= port && port <= self.to_port.unwrap_or(65_535),
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeSubnets {
    #[serde(default)]
    pub(crate) subnet_set: List<Subnet>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subnet {
    #[serde(default)]
    pub(crate) vpc_id: String,
    #[serde(default)]
    pub(crate) availability_zone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRegions {
    #[serde(default)]
    pub(crate) region_info: List<Region>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Region {}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeZones {
    #[serde(default)]
    pub(crate) availability_zone_info: List<Zone>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Zone {
    pub(crate) zone_name: String,
    #[serde(default)]
    pub(crate) zone_state: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImages {
    #[serde(default)]
    pub(crate) images_set: List<Image>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    #[serde(default)]
    pub(crate) image_state: String,
    #[serde(default)]
    pub(crate) architecture: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeInstanceTypes {
    #[serde(default)]
    pub(crate) instance_type_set: List<InstanceType>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceType {
    pub(crate) processor_info: Option<ProcessorInfo>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessorInfo {
    #[serde(default)]
    pub(crate) supported_architectures: List<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeOfferings {
    #[serde(default)]
    pub(crate) instance_type_offering_set: List<Offering>,
    pub(crate) next_token: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offering {
    pub(crate) instance_type: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeKeyPairs {
    #[serde(default)]
    pub(crate) key_set: List<KeyPair>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KeyPair {}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GetConsoleOutput {
    /// Base64.
    #[serde(default)]
    pub(crate) output: String,
}

/// `<Response><Errors><Error>…`; OpenStack's and others' clouds answer so too.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) errors: Errors,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Errors {
    #[serde(rename = "Error", default)]
    pub(crate) errors: Vec<OneError>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneError {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_what_it_leaves_out() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>8f7724cf</requestId>
  <reservationSet><item><reservationId>r-1</reservationId><ownerId>1</ownerId><groupSet/>
    <instancesSet>
      <item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState>
        <privateIpAddress>10.0.0.12</privateIpAddress><ipAddress>54.1.2.3</ipAddress>
        <placement><availabilityZone>eu-west-1c</availabilityZone><groupName/><tenancy>default</tenancy></placement>
        <tagSet><item><key>a</key><value>b</value></item><item><key>empty</key><value/></item></tagSet></item>
      <item><instanceId>i-2</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>
        <stateReason><code>Server.InsufficientInstanceCapacity</code><message>none left</message></stateReason><tagSet/></item>
    </instancesSet></item></reservationSet>
</DescribeInstancesResponse>"#;
        let answer: DescribeInstances = quick_xml::de::from_str(text).unwrap();
        let instances = &answer.reservation_set.items[0].instances_set.items;
        assert_eq!((instances[0].ip_address.as_str(), instances[1].ip_address.as_str()), ("54.1.2.3", ""));
        assert_eq!(instances[0].tag_set.items.len(), 2);
        assert_eq!(instances[1].state_reason.as_ref().unwrap().code, "Server.InsufficientInstanceCapacity");
        assert!(answer.next_token.is_none());
        let none: DescribeVolumes = quick_xml::de::from_str("<R><requestId>x</requestId><volumeSet/></R>").unwrap();
        assert!(none.volume_set.items.is_empty());
    }

    #[test]
    fn a_refusal_is_read() {
        let text = "<Response><Errors><Error><Code>AuthFailure</Code><Message>no &lt;key&gt;</Message></Error></Errors>\
                    <RequestID>1</RequestID></Response>";
        let refusal: Refusal = quick_xml::de::from_str(text).unwrap();
        assert_eq!(refusal.errors.errors[0].message, "no <key>");
    }

    #[test]
    fn a_group_lets_in_what_its_ranges_cover() {
        let of = |protocol: &str, from_port, to_port| Permission { ip_protocol: protocol.into(), from_port, to_port };
        assert!(of("-1", None, None).lets_in(443));
        assert!(of("tcp", Some(400), Some(443)).lets_in(443));
        assert!(!of("tcp", Some(444), Some(5555)).lets_in(443));
        assert!(!of("udp", Some(0), Some(65_535)).lets_in(443));
    }
}
