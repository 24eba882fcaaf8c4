//! Tells the nodes of an application which of them are wanted: they refuse the certificates of all others.
//!
//! The director itself looks at its records with each request. Nodes cannot, so a node is told when it comes up, and
//! again when another node of its application is removed. One that does not answer is told later.
//!
//! # Guarantees
//! - What a node is told stays true, in whichever order it hears of it (see [`WantedNodes`]).
//! - A director that starts tells all nodes once more: it does not remember whom it told.
//!
//! # Caveats
//! - A node that cannot be reached goes on accepting a removed one until it is told, or until that certificate expires.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::peer;
use super::remove::logged;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::pki::WantedNodes;
use crate::rpc::{CallError, Client, RpcCall};
use crate::store::director::node::{self, Node, Phase, Place};
use crate::sys::chain;

/// A node answers at once, or is busy and told later.
const LIMIT: Duration = Duration::from_secs(10);
const MAX_AT_ONCE: usize = 16;

/// Tells nodes whenever one is removed, until `stop`.
pub(crate) async fn tell_nodes(director: Arc<Director>, stop: CancellationToken) {
    loop {
        let rows = director.store.read(|tx| Ok::<_, Failure>(node::all(tx)?)).await;
        let mut rows = logged(rows, "read the nodes").unwrap_or_default();
        rows.retain(|row| row.phase == Phase::Up && !director.census.knows(row.rid, row.wanted.aid));
        let calls = rows.iter().filter_map(|row| Some(tell(&director, row, row.place.as_ref()?)));
        stream::iter(calls).for_each_concurrent(MAX_AT_ONCE, |call| call).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = director.census.changed() => {}
            () = tokio::time::sleep(director.config.reconcile_interval) => {}
        }
    }
}

/// Tells one node which nodes of its application are wanted.
pub(crate) async fn tell(director: &Director, row: &Node, place: &Place) {
    if let Some(client) = logged(peer::client(director, row, LIMIT), "call a node") {
        tell_by(&client, director, row, place).await;
    }
}

/// Does the same by a client that may have a connection to the node.
pub(crate) async fn tell_by(client: &Client, director: &Director, row: &Node, place: &Place) {
    let aid = row.wanted.aid;
    // What is removed from here on is told again.
    let n_removed = director.census.n_removed(aid);
    let said = director.store.read(move |tx| Ok::<_, Failure>(node::wanted_numbers(tx, aid)?)).await;
    let Some((up_to, numbers)) = logged(said, "read which nodes are wanted") else { return };
    let said = WantedNodes::new(up_to, numbers);
    let numbers: Vec<i64> = said.numbers().iter().copied().collect();
    let call = RpcCall::post(0, "set_wanted_nodes").param("up_to", said.up_to()).param("numbers", numbers);
    match client.call(&peer::endpoint(place), &call).await {
        Ok(_) => director.census.is_told(row.rid, n_removed),
        Err(CallError::Client(error)) => {
            tracing::debug!(node.tag = %row.wanted.tag, error = %chain(&error), "a node is told later which others are wanted");
        }
        Err(error) => {
            // An older program; its certificate has an end all the same.
            tracing::info!(node.tag = %row.wanted.tag, error = %chain(&error), "a node does not take word of removed nodes");
            director.census.is_told(row.rid, n_removed);
        }
    }
}
