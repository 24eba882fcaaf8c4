//! The devices of a node's volumes.

use crate::service::MethodError;
use crate::store::manager::VolumeRow;

/// Returns the first device name from `first` (`sdb`) on, by its last letter, that none of `volumes` has at the node.
pub(crate) fn free_device(first: &str, volumes: &[VolumeRow], node_id: &str) -> Result<String, MethodError> {
    let none = || MethodError::refused("the node has no free device for another volume");
    let last = first.chars().next_back().ok_or_else(none)?;
    let stem = &first[..first.len() - last.len_utf8()];
    let is_used = |name: &str| volumes.iter().any(|volume| volume.node_id == node_id && volume.device == name);
    let mut names = (last..='z').map(|letter| format!("{stem}{letter}"));
    names.find(|name| !is_used(name)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServiceId;

    fn volume(node_id: &str, device: &str) -> VolumeRow {
        VolumeRow {
            name: device.to_owned(),
            sid: ServiceId(1),
            size_mb: 1,
            node_id: node_id.to_owned(),
            cloud: "iaas".to_owned(),
            device: device.to_owned(),
            volume_id: None,
            is_kept: false,
        }
    }

    #[test]
    fn the_next_free_device_of_the_node_is_taken() {
        assert_eq!(free_device("sdb", &[], "n").unwrap(), "sdb");
        let used = [volume("n", "sdb"), volume("n", "sdd"), volume("m", "sdc")];
        assert_eq!(free_device("sdb", &used, "n").unwrap(), "sdc");
        let all: Vec<VolumeRow> = ('b'..='z').map(|letter| volume("n", &format!("sd{letter}"))).collect();
        assert!(free_device("sdb", &all, "n").is_err());
        assert_eq!(free_device("sdb", &all, "m").unwrap(), "sdb");
    }
}
