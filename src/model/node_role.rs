//! Which program a node runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::certificate_role::CertificateRole;

/// Which program a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// `conpaas manager`.
    Manager,
    /// `conpaas agent`.
    Agent,
}

impl NodeRole {
    /// Every role.
    pub(crate) const ALL: [NodeRole; 2] = [NodeRole::Manager, NodeRole::Agent];

    /// The role of the node that holds a certificate of this role, if a node holds it.
    #[must_use]
    pub(crate) fn of_certificate(role: CertificateRole) -> Option<Self> {
        match role {
            CertificateRole::Manager => Some(NodeRole::Manager),
            CertificateRole::Agent => Some(NodeRole::Agent),
            CertificateRole::Frontend
            | CertificateRole::User
            | CertificateRole::WebFrontend
            | CertificateRole::Ingress => None,
        }
    }

    /// The sub-command of the program, and the word in the resource table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NodeRole::Manager => "manager",
            NodeRole::Agent => "agent",
        }
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NodeRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        NodeRole::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("unknown node role '{text}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_read_back_as_written() {
        for role in NodeRole::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).expect("plain data"), role.as_str());
        }
        assert!("master".parse::<NodeRole>().is_err());
    }

    #[test]
    fn only_managers_and_agents_are_nodes() {
        for role in CertificateRole::ALL {
            let found = NodeRole::of_certificate(role).map(NodeRole::as_str);
            assert_eq!(found, Some(role.as_str()).filter(|text| ["manager", "agent"].contains(text)), "{role}");
        }
    }
}
