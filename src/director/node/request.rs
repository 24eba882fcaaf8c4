//! What is asked for with a node, and how much may be asked for at once. Pure, but for the tags.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::api::{NodeRequest, NodeVolume, VolumeRequest};
use crate::director::error::Failure;
use crate::model::{NodeTag, VolumeTag};
use crate::sys;

/// Sizes of a volume that can be asked for, in MB.
pub(crate) const SIZES_MB: std::ops::RangeInclusive<u64> = 1..=16 * 1024 * 1024;
/// Bytes of a startup script.
pub(crate) const MAX_SCRIPT_BYTES: usize = 1024 * 1024;
const MAX_NODES_OF_A_CALL: usize = 64;
/// A node has devices sdb to sdz.
const MAX_VOLUMES_OF_A_NODE: usize = 25;

/// What was asked for with a node: enough to make its context again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    pub(crate) service_type: String,
    pub(crate) manager_ip: Option<Ipv4Addr>,
    pub(crate) role: String,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) startup_script: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) volumes: Vec<VolumeRequest>,
    /// The volumes once they were made and attached.
    pub(crate) attached: Vec<NodeVolume>,
}

impl Wish {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain data with text keys")
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("what was asked for is not readable: {error}"))
    }
}

/// Returns a mark that no other node has.
pub(crate) fn new_node_tag() -> NodeTag {
    format!("n{}", random()).parse().expect("letters and digits")
}

/// Returns a mark that no other volume has.
pub(crate) fn new_volume_tag() -> VolumeTag {
    format!("v{}", random()).parse().expect("letters and digits")
}

/// Refuses a list of nodes that is empty, too long, or asks for volumes that cannot be.
pub(crate) fn check_requests(requests: &[NodeRequest]) -> Result<(), Failure> {
    if requests.is_empty() || requests.len() > MAX_NODES_OF_A_CALL {
        return Err(unusable("nodes_info", format!("ask for 1 to {MAX_NODES_OF_A_CALL} nodes")));
    }
    if requests.iter().any(|request| request.volumes.len() > MAX_VOLUMES_OF_A_NODE) {
        return Err(unusable("nodes_info", format!("a node has at most {MAX_VOLUMES_OF_A_NODE} volumes")));
    }
    let mut sizes = requests.iter().flat_map(|request| &request.volumes).map(|volume| volume.vol_size);
    match sizes.find(|size| !SIZES_MB.contains(size)) {
        Some(size) => Err(unusable("nodes_info", format!("'{size}' is no number of MB for a volume"))),
        None => Ok(()),
    }
}

/// The failure of a field whose value cannot be used.
pub(crate) fn unusable(field: &str, why: impl std::fmt::Display) -> Failure {
    Failure::Application(format!("\"{field}\" is not usable: {why}"))
}

fn random() -> String {
    sys::random::alphanumeric(12).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(n_volumes: usize, size: u64) -> NodeRequest {
        let volume = VolumeRequest { vol_name: "v".into(), vol_size: size, dev_name: "sdb".into() };
        NodeRequest { cloud: None, role: "node".into(), volumes: vec![volume; n_volumes], inst_type: None }
    }

    #[test]
    fn no_more_is_asked_for_than_a_call_and_a_node_can_have() {
        let table = [
            (vec![], Some("ask for 1 to 64 nodes")),
            (vec![request(0, 0)], None),
            (vec![request(25, 1); 64], None),
            (vec![request(0, 0); 65], Some("ask for 1 to 64 nodes")),
            (vec![request(0, 0), request(26, 1)], Some("a node has at most 25 volumes")),
            (vec![request(1, 0)], Some("'0' is no number of MB for a volume")),
            (vec![request(1, 16_777_216), request(1, 16_777_217)], Some("'16777217' is no number of MB for a volume")),
        ];
        for (requests, wrong) in table {
            let found = check_requests(&requests).err().map(|failure| failure.to_string());
            assert_eq!(found, wrong.map(|wrong| format!("\"nodes_info\" is not usable: {wrong}")));
        }
    }

    #[test]
    fn a_wish_reads_back_and_an_older_one_has_what_it_lacks() {
        let wish = Wish { service_type: "generic".into(), volumes: request(1, 5).volumes, ..Wish::default() };
        let read = Wish::parse(&wish.to_text()).expect("it was written by us");
        assert_eq!((read.service_type, read.volumes), (wish.service_type, wish.volumes));
        assert_eq!(Wish::parse("{}").expect("all is optional").role, "");
        assert!(Wish::parse("[").is_err());
    }

    #[test]
    fn no_two_tags_are_the_same() {
        let tags: std::collections::HashSet<NodeTag> = (0..100).map(|_| new_node_tag()).collect();
        assert_eq!(tags.len(), 100);
    }
}
