//! What costs a user credits: his nodes that answer.

use std::collections::HashMap;

use super::error::Failure;
use super::state::Director;
use crate::model::UserId;
use crate::store::director::node::Node;
use crate::store::director::{application, node};

/// Returns the nodes of a user that cost, each with the name of its application.
pub(crate) async fn list(director: &Director, uid: UserId) -> Result<Vec<(Node, String)>, Failure> {
    director
        .store
        .read(move |tx| {
            let names: HashMap<_, _> =
                application::list(tx, uid)?.into_iter().map(|found| (found.aid, found.name)).collect();
            let named = |node: Node| {
                let name = names.get(&node.wanted.aid)?.clone();
                Some((node, name))
            };
            Ok(node::up_of_user(tx, uid)?.into_iter().filter_map(named).collect())
        })
        .await
}
