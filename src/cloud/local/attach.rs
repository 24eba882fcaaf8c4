//! By which rules a volume is attached to a node of this machine.
//!
//! Pure: what is mounted or linked then is each cloud's own business.

use super::inventory::{Attachment, VolumeRecord};
use crate::model::NodeTag;

/// Longest name of a device.
const MAX_DEVICE_BYTES: usize = 32;

/// Returns where `volume` is to be, or why it cannot be there. `others` are
/// the volumes that the node has; `device` is `sdb` or `/dev/sdb`.
pub(crate) fn plan_attachment(
    volume: &VolumeRecord,
    node: &NodeTag,
    others: &[VolumeRecord],
    device: &str,
) -> Result<Attachment, String> {
    let device = device.strip_prefix("/dev/").unwrap_or(device);
    if device.is_empty() || device.len() > MAX_DEVICE_BYTES || !device.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Err("a device name is letters and digits, such as sdb".to_owned());
    }
    let wanted = Attachment { node: node.clone(), device: device.to_owned() };
    if let Some(place) = volume.attached.as_ref().filter(|place| **place != wanted) {
        return Err(format!("it is attached to {} as {}", place.node, place.device));
    }
    match others.iter().find(|other| other.tag != volume.tag && other.attached.as_ref() == Some(&wanted)) {
        Some(other) => Err(format!("volume {} is there already", other.volume_id)),
        None => Ok(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(tag: &str, place: Option<(&str, &str)>) -> VolumeRecord {
        let attached = place.map(|(node, device)| serde_json::json!({ "node": node, "device": device }));
        serde_json::from_value(serde_json::json!({
            "tag": tag, "volume_id": format!("id-of-{tag}"), "name": tag, "size_mb": 1, "attached": attached
        }))
        .unwrap()
    }

    #[test]
    fn a_volume_goes_to_one_place_that_nobody_has() {
        let node: NodeTag = "n".parse().unwrap();
        let others = [volume("w", Some(("n", "sdc")))];
        let plan = |place, device| plan_attachment(&volume("v", place), &node, &others, device);
        for device in ["sdb", "/dev/sdb"] {
            assert_eq!(plan(None, device).unwrap().device, "sdb");
            assert_eq!(plan(Some(("n", "sdb")), device).unwrap().device, "sdb", "it is there already");
        }
        assert_eq!(plan(Some(("m", "sdb")), "sdb").unwrap_err(), "it is attached to m as sdb");
        assert_eq!(plan(Some(("n", "sdd")), "sdb").unwrap_err(), "it is attached to n as sdd");
        assert_eq!(plan(None, "sdc").unwrap_err(), "volume id-of-w is there already");
    }

    #[test]
    fn a_device_cannot_lead_out_of_its_directory() {
        let node: NodeTag = "n".parse().unwrap();
        for device in ["", "/dev/", "..", "a/b", "sd b", &"x".repeat(MAX_DEVICE_BYTES + 1)] {
            let refused = plan_attachment(&volume("v", None), &node, &[], device);
            assert_eq!(refused.unwrap_err(), "a device name is letters and digits, such as sdb", "{device:?}");
        }
    }
}
