//! Whom a node of this machine reaches, and who reaches it.

use serde::{Deserialize, Serialize};

use crate::model::NodeGroup;

/// A port of a node that nodes of other groups reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublishedPort {
    pub(crate) transport: Transport,
    pub(crate) port: u16,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}

/// Reads the application out of a name such as `conpaas-u1-a2-mgr`.
pub(crate) fn group_of_name(name: &str) -> Option<NodeGroup> {
    let parts: Vec<&str> = name.split('-').collect();
    let number = |part: &str, letter: char| part.strip_prefix(letter).and_then(|digits| digits.parse::<i64>().ok());
    // What stands before is the administrator's choice.
    let found = parts.windows(2).rev().find_map(|pair| number(pair[0], 'u').and(number(pair[1], 'a')));
    found.map(NodeGroup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_group_has_it_in_its_name() {
        let table = [
            ("conpaas-u1-a2-mgr", Some(2)),
            ("my-u9-a9-cloud-u1-a23-s4-generic", Some(23)),
            ("conpaas-a", None),
            ("u-a-mgr", None),
        ];
        for (name, group) in table {
            assert_eq!(group_of_name(name), group.map(NodeGroup), "{name}");
        }
    }
}
