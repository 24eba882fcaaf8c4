//! How the director calls a node.

use std::time::Duration;

use crate::director::state::Director;
use crate::model::NodeRole;
use crate::rpc::{Client, Endpoint, PeerRule, TlsError};
use crate::store::director::node::{Node, Place};

/// Returns a client that speaks with the program in a node, and with no other sort of node.
pub(crate) fn client(director: &Director, node: &Node, limit: Duration) -> Result<Client, TlsError> {
    let (uid, aid) = (node.wanted.uid, node.wanted.aid);
    let rule = match node.wanted.role {
        NodeRole::Manager => PeerRule::Manager(uid, aid),
        NodeRole::Agent => PeerRule::Agent(uid, aid),
    };
    Ok(Client::new(Some(&director.certificate.credentials()), rule)?.with_timeout(limit))
}

/// Returns where the program in a node listens.
pub(crate) fn endpoint(place: &Place) -> Endpoint {
    Endpoint { host: place.ip.to_string(), port: place.port }
}
