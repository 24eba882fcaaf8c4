//! Makes the clouds agree with the records, again and again.
//!
//! One path for every case: after a stop, after a failed start, after a
//! crash of the director at any point, after a power cut. Each cloud has a
//! reconciler of its own: one that is down holds up nothing but itself.
//!
//! # Guarantees
//! - A node or volume that is not wanted is removed, and its row after it.
//! - What a cloud has and no row names is `orphan`'s to judge.
//! - A node that is up and was stopped from outside (a power cut) is started again, unless `conpaas director stop-nodes` ended it.
//!
//! # Assumptions
//! - Rows are written before a cloud is asked, so that what a cloud listed
//!   *before* the rows were read has a row, unless it is an orphan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use super::error::Failure;
use super::node::bring_up::place_of;
use super::node::remove::{MAX_AT_ONCE, logged, remove_nodes};
use super::node::{context, token};
use super::state::Director;
use super::{application_start, mark, orphan, service};
use crate::cloud::{Cloud, CloudNode};
use crate::model::{ApplicationEvent, ApplicationId, NodeRole};
use crate::store::director as store;
use crate::store::director::application;
use crate::store::director::node::{self, Node, Phase};
use crate::store::director::orphan::{Found, Kind};
use crate::store::director::volume::{self, Volume};
use crate::store::{StoreError, Transaction};
use crate::task::crash_point;

/// Time for what is under way to come to a recorded point when the director stops.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// Undoes what nobody waits for any more: done once, when the director starts.
/// `is_own` says whether the database knows what the clouds hold; if not, nothing is given up.
pub(crate) async fn resume(director: &Arc<Director>, is_own: bool) -> Result<(), Failure> {
    // A node that was made may not have joined yet: the time without a director does not count.
    let expires = token::expiry(director);
    let given_up = director.store.write(move |tx| {
        store::token::extend(tx, expires)?;
        if is_own { give_up_unfinished(tx) } else { Ok(0) }
    });
    let n_given_up = given_up.await?;
    if n_given_up > 0 {
        tracing::info!(n_given_up, "giving up nodes and volumes that were being made when the director ended");
    }
    application_start::spawn_managers(director).await
}

/// Runs until the director stops: when woken, and every now and then. Looks
/// after one cloud, or after what is in a cloud that the configuration does
/// not name any more. `unfinished` is what [`service::unfinished`] returned.
pub(crate) async fn run(
    director: Arc<Director>,
    cloud: Option<Arc<dyn Cloud>>,
    unfinished: Arc<Vec<(i64, ApplicationId)>>,
) {
    let stopping = director.tasks.stopping();
    let name = cloud.as_ref().map(|cloud| cloud.name().clone());
    let mut is_first = true;
    let mut ready = None;
    loop {
        match &cloud {
            Some(cloud) => {
                keep_ready(&director, cloud, &mut ready).await;
                reconcile(&director, cloud).await;
                let _made_with_the_node = logged(cloud.prepare_next().await, "make ready what the next node needs");
            }
            None => {
                remove_unreachable(&director).await;
                director.reserve.restore().await;
            }
        }
        if std::mem::take(&mut is_first) {
            service::undo_unfinished(&director, &unfinished, name.as_ref()).await;
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = director.reconcile.woken(name.as_ref()) => {}
            () = tokio::time::sleep(director.config.reconcile_interval) => {}
        }
    }
}

/// What woke the reconciler changes no cloud's own network: that is looked at every now and then.
async fn keep_ready(director: &Director, cloud: &Arc<dyn Cloud>, ready: &mut Option<Instant>) {
    if ready.is_some_and(|since| since.elapsed() < director.config.reconcile_interval) {
        return;
    }
    *ready = logged(cloud.prepare().await, "keep a cloud ready").map(|()| Instant::now());
}

async fn reconcile(director: &Arc<Director>, cloud: &Arc<dyn Cloud>) {
    let (listed_nodes, listed_volumes) = tokio::join!(cloud.list_nodes(), cloud.list_volumes());
    let listed_nodes = logged(listed_nodes, "list the nodes of a cloud");
    let listed_volumes = logged(listed_volumes, "list the volumes of a cloud");
    let is_own = mark::is_own(director).await;
    let Some((mut nodes, mut volumes)) = rows(director).await else { return };
    nodes.retain(|row| row.wanted.cloud == *cloud.name());
    volumes.retain(|row| row.wanted.cloud == *cloud.name());
    remove_unwanted(director, &nodes, &volumes).await;
    if let Some(listed) = listed_nodes {
        let found = listed.iter().map(|node| Found { tag: node.tag.to_string(), shown_id: node.vmid.clone() });
        orphan::settle(director, cloud, Kind::Node, found.collect(), is_own).await;
        restart_stopped(director, cloud, &listed, &nodes, is_own).await;
    }
    if let Some(listed) = listed_volumes {
        let found = listed.into_iter().map(|volume| Found { tag: volume.tag.to_string(), shown_id: volume.volume_id });
        orphan::settle(director, cloud, Kind::Volume, found.collect(), is_own).await;
    }
}

/// Says in the log of each what is wrong, and leaves it recorded: its cloud may come back.
async fn remove_unreachable(director: &Arc<Director>) {
    let Some((mut nodes, mut volumes)) = rows(director).await else { return };
    nodes.retain(|row| director.clouds.get(&row.wanted.cloud).is_err());
    volumes.retain(|row| director.clouds.get(&row.wanted.cloud).is_err());
    remove_unwanted(director, &nodes, &volumes).await;
}

async fn rows(director: &Arc<Director>) -> Option<(Vec<Node>, Vec<Volume>)> {
    let rows = director.store.read(|tx| Ok::<_, Failure>((node::all(tx)?, volume::all(tx)?))).await;
    logged(rows, "read the nodes and volumes")
}

async fn remove_unwanted(director: &Arc<Director>, nodes: &[Node], volumes: &[Volume]) {
    let going: Vec<Node> = nodes.iter().filter(|node| node.phase == Phase::Removing).cloned().collect();
    if !going.is_empty() || volumes.iter().any(|volume| volume.phase == volume::Phase::Removing) {
        director.reserve.make_room().await;
    }
    remove_nodes(director, &going).await;
    let going = volumes.iter().filter(|volume| volume.phase == volume::Phase::Removing);
    stream::iter(going).for_each_concurrent(MAX_AT_ONCE, |volume| remove_volume(director, volume)).await;
}

async fn remove_volume(director: &Arc<Director>, volume: &Volume) {
    let Some(cloud) = logged(director.clouds.get(&volume.wanted.cloud), "remove a volume") else { return };
    if logged(cloud.remove_volume(&volume.wanted.tag).await, "remove a volume").is_none() {
        return;
    }
    crash_point("remove_volume.removed");
    let id = volume.id;
    let deleted = director.store.write(move |tx| Ok::<_, Failure>(volume::delete(tx, id)?)).await;
    if logged(deleted, "record that a volume is removed").is_some() {
        tracing::info!(volume.tag = %volume.wanted.tag, app.id = volume.wanted.aid.0, "volume removed");
    }
}

/// Starts nodes again that are up on record and do not run; a node that its
/// cloud has lost cannot come back, and its application is told so.
/// An older copy of a database may name what was removed since: that is no loss.
async fn restart_stopped(
    director: &Arc<Director>,
    cloud: &Arc<dyn Cloud>,
    listed: &[CloudNode],
    rows: &[Node],
    is_own: bool,
) {
    let of_cloud = rows.iter().filter(|row| row.phase == Phase::Up);
    let stopped = of_cloud.filter_map(|row| match listed.iter().find(|listed| listed.tag == row.wanted.tag) {
        Some(found) if found.is_running => None,
        found => Some((row, found.is_some())),
    });
    stream::iter(stopped)
        .for_each_concurrent(MAX_AT_ONCE, |(row, is_there)| async move {
            if is_there {
                restart(director, cloud, row).await;
            } else if is_own {
                give_up_lost(director, row).await;
            }
        })
        .await;
}

async fn restart(director: &Arc<Director>, cloud: &Arc<dyn Cloud>, row: &Node) {
    if director.stop_mark.is_set() || !is_still_up(director, row).await {
        return;
    }
    tracing::warn!(node.tag = %row.wanted.tag, app.id = row.wanted.aid.0, "starting a node again that was stopped from outside");
    let Some(spec) = logged(context::node_spec(director, row), "prepare a node") else { return };
    let Some(made) = logged(cloud.ensure_node(&spec).await, "start a node again") else { return };
    let (rid, place) = (row.rid, place_of(&made));
    let recorded = director.store.write(move |tx| Ok::<_, Failure>(node::set_place(tx, rid, &place)?)).await;
    logged(recorded, "record where a node is");
}

async fn give_up_lost(director: &Arc<Director>, row: &Node) {
    if !is_still_up(director, row).await {
        return;
    }
    tracing::error!(node.tag = %row.wanted.tag, app.id = row.wanted.aid.0, "a cloud has lost a node");
    let row = row.clone();
    let recorded = director.store.write(move |tx| record_lost(tx, &row)).await;
    logged(recorded, "record that a node is lost");
}

async fn is_still_up(director: &Arc<Director>, row: &Node) -> bool {
    let rid = row.rid;
    let phase = director.store.read(move |tx| node::phase(tx, rid)).await;
    logged(phase, "read a node") == Some(Some(Phase::Up))
}

/// Records that agents and volumes that were being made are not wanted any
/// more: who waited for them asks again. Returns how many there were.
fn give_up_unfinished(tx: &Transaction<'_>) -> Result<usize, StoreError> {
    let mut n_given_up = 0;
    for node in node::all(tx)? {
        if node.phase == Phase::Making && node.wanted.role == NodeRole::Agent {
            volume::set_removing_with_node(tx, &node.wanted.tag)?;
            node::set_removing(tx, node.rid)?;
            n_given_up += 1;
        }
    }
    for volume in volume::all(tx)? {
        if volume.phase == volume::Phase::Making {
            volume::set_removing(tx, volume.id)?;
            n_given_up += 1;
        }
    }
    Ok(n_given_up)
}

fn record_lost(tx: &Transaction<'_>, row: &Node) -> Result<(), StoreError> {
    node::set_removing(tx, row.rid)?;
    if row.wanted.role == NodeRole::Manager {
        let cloud = &row.wanted.cloud;
        let reason = format!("cloud {cloud} has lost the manager's node; stop the application and start it again");
        let event = ApplicationEvent::ManagerLost;
        let _one_that_was_stopped_stays_so = application::advance(tx, row.wanted.aid, event, Some(&reason))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::store::director::application::Advance;
    use crate::store::director::sample::Sample;

    #[test]
    fn agents_that_were_being_made_are_given_up_and_managers_are_not() {
        let sample = Sample::new(0);
        let (manager, agent) = (sample.add_node("n1", NodeRole::Manager), sample.add_node("n2", NodeRole::Agent));
        let gone = sample.add_node("n3", NodeRole::Agent);
        sample.run(|tx| node::set_removing(tx, gone));
        assert_eq!(sample.run(give_up_unfinished), 1);
        assert_eq!((sample.phase(manager), sample.phase(agent)), (Some(Phase::Making), Some(Phase::Removing)));
        assert_eq!(sample.run(give_up_unfinished), 0);
    }

    #[test]
    fn an_application_hears_that_its_manager_is_lost_and_not_that_an_agent_is() {
        let sample = Sample::new(0);
        for event in [ApplicationEvent::Start, ApplicationEvent::ManagerUp] {
            let moved = sample.run(|tx| application::advance(tx, sample.aid, event, None));
            assert!(matches!(moved, Advance::To(_)), "{moved:?}");
        }
        let lose = |tag: &str, role| {
            let rid = sample.add_node(tag, role);
            let rows = sample.run(node::all);
            let row = rows.iter().find(|row| row.rid == rid).expect("it was added");
            sample.run(|tx| record_lost(tx, row));
            assert_eq!(sample.phase(rid), Some(Phase::Removing));
        };
        lose("n1", NodeRole::Agent);
        assert_eq!(sample.state(), Some(State::Running));
        lose("n2", NodeRole::Manager);
        assert_eq!(sample.state(), Some(State::Error));
        assert!(sample.application().reason.is_some_and(|reason| reason.contains("has lost the manager's node")));
        let stopped = sample.run(|tx| application::advance(tx, sample.aid, ApplicationEvent::Stop, None));
        assert_eq!(stopped, Advance::To(State::Stopped));
        lose("n3", NodeRole::Manager);
        assert_eq!(sample.state(), Some(State::Stopped), "a stop stays a stop");
    }
}
