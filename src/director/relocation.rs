//! Tells nodes where the director is now, after `conpaas director init` gave it another name, address or port.
//!
//! A node calls the URL that it was told when it was made. So a director that starts tells each node its own URL.
//! One that it cannot reach is asked again until it answers or is not wanted any more. A node that is made, or
//! started again, is told by its configuration. A node that has the URL already does nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use super::node::peer;
use super::node::remove::logged;
use super::state::Director;
use crate::rpc::{CallError, RpcCall};
use crate::store::director::node::{self, Node, Phase};
use crate::sys::chain;

/// A node answers at once, or is busy and asked again.
const LIMIT: Duration = Duration::from_secs(10);
const MAX_AT_ONCE: usize = 16;

/// Runs until every node that there was at the start is told, or until `stop`.
pub(crate) async fn tell_nodes(director: Arc<Director>, stop: CancellationToken) {
    let Some(url) = director.config.director_url.clone() else { return };
    let url = url.to_string();
    let Some(rows) = rows(&director).await else { return };
    let mut untold: BTreeSet<i64> = rows.iter().map(|row| row.rid).collect();
    while !untold.is_empty() {
        if let Some(rows) = self::rows(&director).await {
            let wanted: BTreeSet<i64> = rows.iter().map(|row| row.rid).collect();
            untold.retain(|rid| wanted.contains(rid));
            let mut calls = Vec::new();
            for row in rows.into_iter().filter(|row| untold.contains(&row.rid) && row.phase == Phase::Up) {
                calls.push(tell(&director, row, &url));
            }
            let told: Vec<Option<i64>> = stream::iter(calls).buffer_unordered(MAX_AT_ONCE).collect().await;
            for rid in told.into_iter().flatten() {
                untold.remove(&rid);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(director.config.reconcile_interval) => {}
        }
    }
}

/// Nodes that are wanted.
async fn rows(director: &Director) -> Option<Vec<Node>> {
    let rows = director.store.read(|tx| Ok::<_, Failure>(node::all(tx)?)).await;
    let mut rows = logged(rows, "read the nodes")?;
    rows.retain(|row| row.phase != Phase::Removing);
    Some(rows)
}

/// Tells one node; returns its number if there is no use in telling it again.
async fn tell(director: &Director, row: Node, url: &str) -> Option<i64> {
    let place = row.place.as_ref()?;
    let client = logged(peer::client(director, &row, LIMIT), "call a node")?;
    match client.call(&peer::endpoint(place), &RpcCall::post(0, "set_director_url").param("director_url", url)).await {
        Ok(_) => Some(row.rid),
        Err(CallError::Client(error)) => {
            tracing::debug!(node.tag = %row.wanted.tag, error = %chain(&error), "a node is told later where the director is");
            None
        }
        Err(error) => {
            tracing::warn!(
                node.tag = %row.wanted.tag, app.id = row.wanted.aid.0, error = %chain(&error),
                "a node does not take the director's URL; if the director has moved, stop the application and start it again"
            );
            Some(row.rid)
        }
    }
}
