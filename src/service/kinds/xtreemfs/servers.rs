//! Whether the servers of shared storage work together, and when one of them can leave.
//!
//! A server that dies is told in the history. What it had is copied again from the others, by the master's own work. A node
//! that leaves is told to give away what it has, and goes when the master says that all of that is elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::roles::{OSD, is_leaving, master, n_servers, plays};
use super::settings::XtreemfsSettings;
use super::{labels, volumes};
use crate::api::xtreemfs::{ClusterState, DataServer, ServerView, Servers, StorageState};
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::{ServiceContext, now};
use crate::service::error::MethodError;
use crate::service::manager_side::Settling;
use crate::service::reply::Reply;
use crate::store::manager::{self as store, NodeRow};
use crate::sys::fingerprint::fingerprint;

/// An agent answers at once, or is not there; the master's own answer takes a second on a small machine.
const ASK_LIMIT: Duration = Duration::from_secs(20);
/// A program that fails so often does not come up.
const MOST_FAILURES: u32 = 5;

/// Servers that are away, by service: what was told of them is told once.
static AWAY: Mutex<BTreeMap<ServiceId, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

type Answer = Result<StorageState, MethodError>;

/// Looks at all nodes, and has the master know what is set where nobody waits for new ones.
///
/// # Errors
/// Returns an error if a program of a new node does not come up.
pub(super) async fn settle(
    service: &ServiceContext,
    nodes: &[NodeRow],
    new: &[NodeRow],
) -> Result<Settling, MethodError> {
    let answers = ask_all(service, nodes).await;
    let is_new = |node: &NodeRow| new.iter().any(|other| other.view.id == node.view.id);
    for (node, answer) in nodes.iter().zip(&answers).filter(|(node, _)| is_new(node)) {
        match answer {
            Ok(state) => expect_no_failure(node, state)?,
            Err(error) => return Ok(Settling::Missing(error.to_string())),
        }
    }
    let first = master(nodes).map(|node| &node.view.id);
    let place = nodes.iter().position(|node| Some(&node.view.id) == first);
    let (Some(first), Some(place)) = (first, place) else {
        return Ok(Settling::Waits("no node has the metadata".to_owned()));
    };
    let state = match &answers[place] {
        Ok(state) => state,
        Err(error) => return Ok(Settling::Waits(format!("node {first} with the metadata does not answer: {error}"))),
    };
    let Some(cluster) = &state.cluster else {
        return Ok(Settling::Waits(format!("the metadata server of node {first} does not answer yet")));
    };
    let servers: Vec<(&NodeRow, &Answer)> = nodes.iter().zip(&answers).filter(|(node, _)| plays(node, OSD)).collect();
    let away: Vec<&NodeRow> =
        servers.iter().filter(|(node, _)| !is_connected(cluster, node)).map(|(node, _)| *node).collect();
    if new.is_empty() {
        tell_of_away(service, cluster, &away).await?;
        remind(service, nodes, state).await?;
    }
    let silent: Vec<String> = nodes
        .iter()
        .zip(&answers)
        .filter(|(node, answer)| answer.is_err() && !is_leaving(node))
        .map(|(node, _)| node.view.id.clone())
        .collect();
    let waited_for: Vec<&str> = away
        .iter()
        .filter(|node| (new.is_empty() || is_new(node)) && !silent.contains(&node.view.id))
        .map(|node| node.view.id.as_str())
        .collect();
    if !waited_for.is_empty() {
        return Ok(Settling::Waits(format!("waiting for the server of {}", waited_for.join(", "))));
    }
    Ok(if silent.is_empty() || !new.is_empty() { Settling::Settled } else { Settling::Without(silent) })
}

/// Looks whether all that nodes have which leave is elsewhere.
///
/// # Errors
/// Returns an error if there is no room for it, or not enough servers are left.
pub(super) async fn release(
    service: &ServiceContext,
    nodes: &[NodeRow],
    leaving: &[NodeRow],
) -> Result<Settling, MethodError> {
    if !leaving.iter().any(|node| plays(node, OSD)) {
        return Ok(Settling::Settled);
    }
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let leaving: Vec<NodeRow> =
        leaving.iter().filter(|node| !settings.given_up.contains(&node.view.id)).cloned().collect();
    if leaving.is_empty() {
        return Ok(Settling::Settled);
    }
    let n_left = n_servers(nodes);
    let too_many = settings.volumes.iter().find(|(_, volume)| volume.copies.is_some_and(|n| n as usize > n_left));
    if let Some((name, volume)) = too_many {
        return Err(MethodError::refused(format!(
            "volume '{name}' has {} copies of each file, and {n_left} osd nodes would be left: set its replication factor \
             to {n_left} first",
            volume.n_copies(n_left)
        )));
    }
    labels::check_left(&settings, nodes)?;
    let first = master(nodes).ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let cluster = match ask(service, first).await {
        Ok(StorageState { cluster: Some(cluster), .. }) => cluster,
        Ok(_) => return Ok(Settling::Waits("the metadata server does not answer yet".to_owned())),
        Err(error) => return Ok(Settling::Waits(error.to_string())),
    };
    released(&cluster, nodes, &leaving)
}

/// Says how far nodes are that leave, by what the master knows.
fn released(cluster: &ClusterState, nodes: &[NodeRow], leaving: &[NodeRow]) -> Result<Settling, MethodError> {
    let ids = leaving.iter().map(|node| node.view.id.as_str()).collect::<Vec<_>>().join(", ");
    let of = |node: &NodeRow| cluster.servers.iter().find(|server| server.ip == node.view.ip);
    let going: Vec<&DataServer> = leaving.iter().filter_map(of).filter(|server| server.is_connected).collect();
    let n_away = leaving.iter().filter(|node| plays(node, OSD)).count() - going.len();
    if n_away > 0 && cluster.n_lost > 0 {
        return Err(MethodError::refused(format!(
            "a server of {ids} does not answer, and {} chunks have no other copy: start it again first",
            cluster.n_lost
        )));
    }
    if let Some(server) = going.iter().find(|server| !server.is_leaving) {
        return Ok(Settling::Waits(format!("the server at {} is told to give away what it has", server.ip)));
    }
    let staying = nodes.iter().filter(|node| plays(node, OSD)).filter_map(of);
    let free: u64 = staying.map(|server| server.total.saturating_sub(server.used)).sum();
    let n_chunks: u64 = going.iter().map(|server| server.n_chunks).sum();
    let used: u64 = going.iter().map(|server| server.used).sum();
    let to_move = used / n_chunks.max(1) * cluster.n_waiting.min(n_chunks);
    if to_move > free {
        return Err(MethodError::refused(format!(
            "{ids} has {} MB, and the other servers have room for {} MB: add nodes or use set_osd_size first",
            to_move >> 20,
            free >> 20
        )));
    }
    if cluster.n_waiting > 0 && n_chunks > 0 {
        let n = cluster.n_waiting;
        return Ok(Settling::Waits(format!("before {ids} leaves, {n} chunks are copied to other servers")));
    }
    Ok(Settling::Settled)
}

/// `get_servers` (ours).
pub(super) async fn get_servers(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    // A removal waits in this state.
    service.expect_state(&[State::Running, State::Adapting]).await?;
    let sid = service.sid;
    let mut nodes = service.store.read(move |tx| store::list_nodes(tx, Some(sid))).await?;
    let first = master(&nodes).cloned().ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let state = ask(&service, &first).await?;
    let cluster = state.cluster.ok_or_else(|| MethodError::refused("the metadata server does not answer now"))?;
    nodes.retain(|node| plays(node, OSD));
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let servers = nodes.iter().map(|node| view(&cluster, node, settings.labels_of(node))).collect();
    Ok(Reply::of(&Servers { servers, n_waiting: cluster.n_waiting, n_lost: cluster.n_lost }))
}

fn view(cluster: &ClusterState, node: &NodeRow, labels: &str) -> ServerView {
    let server = cluster.servers.iter().find(|server| server.ip == node.view.ip && server.is_connected);
    let state = match server {
        None => "away",
        Some(_) if is_leaving(node) => "leaves",
        Some(_) => "serves",
    };
    ServerView {
        id: node.view.id.clone(),
        ip: node.view.ip.clone(),
        state: state.to_owned(),
        labels: labels.to_owned(),
        n_chunks: server.map_or(0, |server| server.n_chunks),
        used_mb: server.map_or(0, |server| server.used >> 20),
        total_mb: server.map_or(0, |server| server.total >> 20),
    }
}

async fn ask_all(service: &ServiceContext, nodes: &[NodeRow]) -> Vec<Answer> {
    futures_util::future::join_all(nodes.iter().map(|node| ask(service, node))).await
}

async fn ask(service: &ServiceContext, node: &NodeRow) -> Answer {
    service.agents.call_within(ASK_LIMIT, node, &RpcCall::get(0, "get_storage_state")).await
}

fn is_connected(cluster: &ClusterState, node: &NodeRow) -> bool {
    cluster.servers.iter().any(|server| server.ip == node.view.ip && server.is_connected)
}

fn expect_no_failure(node: &NodeRow, state: &StorageState) -> Result<(), MethodError> {
    let failed = state.programs.iter().find(|program| !program.is_ready && program.n_failures >= MOST_FAILURES);
    let Some(program) = failed else { return Ok(()) };
    let reason = program.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
    Err(MethodError::refused(format!("agent {}: {}: {reason}", node.view.id, program.name)))
}

/// Has the history tell of servers that went away and came back.
async fn tell_of_away(service: &ServiceContext, cluster: &ClusterState, away: &[&NodeRow]) -> Result<(), MethodError> {
    let ids: BTreeSet<String> = away.iter().map(|node| node.view.id.clone()).collect();
    let before = AWAY.lock().unwrap_or_else(PoisonError::into_inner).insert(service.sid, ids.clone());
    let before = before.unwrap_or_default();
    let lost = |id: &String| {
        let n = cluster.n_waiting;
        format!("The server of node {id} is away; {n} chunks wait for another copy")
    };
    let gone: Vec<String> = ids.difference(&before).map(lost).collect();
    let back: Vec<String> =
        before.difference(&ids).map(|id| format!("The server of node {id} is there again, or was replaced")).collect();
    for text in gone.into_iter().chain(back) {
        service.note(Level::Warning, &text);
        let sid = service.sid;
        service.store.write(move |tx| store::note_event(tx, sid, &text, now())).await?;
    }
    Ok(())
}

/// Tells the master again what it does not know, and ends what was broken off.
async fn remind(service: &ServiceContext, nodes: &[NodeRow], state: &StorageState) -> Result<(), MethodError> {
    if service.row().await?.state != State::Running {
        return Ok(());
    }
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    if settings.volumes.values().any(|volume| volume.is_leaving) {
        return volumes::finish_removals(service).await;
    }
    let wish = serde_json::to_vec(&settings.master_wish(nodes)).unwrap_or_default();
    if state.wish != fingerprint(&wish, 16) {
        volumes::tell(service).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::nodes;
    use super::*;

    fn server(last: u8, n_chunks: u64, is_leaving: bool) -> DataServer {
        DataServer {
            ip: format!("10.0.0.{last}"),
            is_connected: true,
            is_leaving,
            n_chunks,
            used: n_chunks,
            total: 100,
        }
    }

    fn said(cluster: &ClusterState) -> String {
        let all = nodes(&["dir_mrc_osd", "osd", "osd"]);
        match released(cluster, &all[..2], &all[2..]) {
            Ok(Settling::Waits(why)) => why,
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("refused: {error}"),
        }
    }

    #[test]
    fn a_server_leaves_when_nothing_is_left_that_only_it_has() {
        let servers = |is_leaving| vec![server(2, 5, false), server(3, 5, false), server(4, 5, is_leaving)];
        let cluster = |is_leaving, n_missing, n_waiting| ClusterState {
            servers: servers(is_leaving),
            n_missing,
            n_waiting,
            n_lost: 0,
        };
        assert!(said(&cluster(false, 0, 0)).contains("is told to give away"), "it does not know yet that it leaves");
        assert!(said(&cluster(true, 2, 5)).contains("5 chunks are copied"));
        assert!(said(&cluster(true, 0, 1)).contains("1 chunks are copied"));
        assert_eq!(said(&cluster(true, 0, 0)), "Settled");
    }

    #[test]
    fn data_without_room_elsewhere_stays_where_it_is() {
        let mut full = ClusterState {
            servers: vec![server(2, 95, false), server(3, 96, false), server(4, 50, true)],
            n_missing: 50,
            n_waiting: 50,
            n_lost: 0,
        };
        assert!(said(&full).contains("refused: n4 has"), "{}", said(&full));
        full.n_missing = 0;
        full.n_waiting = 0;
        assert_eq!(said(&full), "Settled");
    }

    #[test]
    fn a_server_that_does_not_answer_goes_if_others_have_all_that_it_had() {
        let mut cluster =
            ClusterState { servers: vec![server(2, 5, false), server(3, 5, false)], ..ClusterState::default() };
        assert_eq!(said(&cluster), "Settled");
        cluster.n_lost = 3;
        assert!(said(&cluster).contains("3 chunks have no other copy"));
    }
}
