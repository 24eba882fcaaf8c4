//! Removes nodes that are recorded as not wanted: from their cloud, then from the records.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::director::asker::Asker;
use crate::director::error::Failure;
use crate::director::mark;
use crate::director::state::{Director, OperationKey};
use crate::model::{ApplicationId, NodeRole};
use crate::store::Transaction;
use crate::store::director::node::{self, Node};
use crate::store::director::volume;
use crate::sys::chain;
use crate::task::crash_point;

/// Removals and restarts that run at once.
pub(crate) const MAX_AT_ONCE: usize = 8;

/// Removes agents of an application by their clouds' ids; those that are gone already are fine.
pub(crate) async fn remove_agents(director: &Arc<Director>, asker: Asker, vmids: Vec<String>) -> Result<(), Failure> {
    director.reserve.make_room().await;
    let record = move |tx: &Transaction<'_>| {
        asker.expect_wanted(tx)?;
        record_removal(tx, asker.aid, &vmids)
    };
    let going = director.store.write(record).await?;
    crash_point("remove_nodes.recorded");
    let worker = Arc::clone(director);
    let removing = async move {
        remove_nodes(&worker, &going).await;
        Ok(())
    };
    let _a_reconciler_goes_on_with_what_was_cut_short = director.detached("remove nodes", removing).await;
    Ok(())
}

/// Returns which of these nodes of an application are gone for good: their cloud has ended and removed them, and they
/// never come back. A database that is new or older knows of none.
pub(crate) async fn gone_agents(director: &Director, asker: Asker, vmids: Vec<String>) -> Result<Vec<String>, Failure> {
    if !mark::is_own(director).await {
        return Ok(Vec::new());
    }
    let gone = director.store.read(move |tx| {
        asker.expect_wanted(tx)?;
        without_record(tx, asker.aid, vmids)
    });
    gone.await
}

/// Removes nodes that were recorded as not wanted, several at once.
pub(crate) async fn remove_nodes(director: &Arc<Director>, nodes: &[Node]) {
    stream::iter(nodes).for_each_concurrent(MAX_AT_ONCE, |node| remove_node(director, node)).await;
}

fn without_record(tx: &Transaction<'_>, aid: ApplicationId, vmids: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut gone = Vec::new();
    for vmid in vmids {
        if !node::is_known(tx, aid, &vmid)? {
            gone.push(vmid);
        }
    }
    Ok(gone)
}

fn record_removal(tx: &Transaction<'_>, aid: ApplicationId, vmids: &[String]) -> Result<Vec<Node>, Failure> {
    let mut going = Vec::new();
    for vmid in vmids {
        let Some(found) = node::by_vmid(tx, aid, vmid)? else {
            tracing::info!(app.id = aid.0, node.vmid = vmid, "a node to be removed is not there");
            continue;
        };
        if found.wanted.role == NodeRole::Manager {
            return Err(Failure::application("A manager cannot remove its own node"));
        }
        node::set_removing(tx, found.rid)?;
        volume::set_removing_with_node(tx, &found.wanted.tag)?;
        going.push(found);
    }
    Ok(going)
}

async fn remove_node(director: &Arc<Director>, node: &Node) {
    director.census.leaves(node.rid, node.wanted.aid);
    let _one_at_a_time = director.operations.hold(&OperationKey::RemoveNode(node.rid)).await;
    let Some(cloud) = logged(director.clouds.get(&node.wanted.cloud), "remove a node") else { return };
    if logged(cloud.remove_node(&node.wanted.tag).await, "remove a node").is_none() {
        return;
    }
    crash_point("remove_node.removed");
    let (rid, tag) = (node.rid, node.wanted.tag.clone());
    let record = move |tx: &Transaction<'_>| {
        volume::leave_node(tx, &tag)?;
        Ok::<_, Failure>(node::delete(tx, rid)?)
    };
    let deleted = director.store.write(record).await;
    if logged(deleted, "record that a node is removed").is_some() {
        director.census.is_gone(rid);
        tracing::info!(node.tag = %node.wanted.tag, app.id = node.wanted.aid.0, "node removed");
    }
}

/// Returns the value, or writes a line to the log: the next round tries again.
pub(crate) fn logged<T, E: std::error::Error>(outcome: Result<T, E>, action: &str) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(error = %chain(&error), "cannot {action}; trying again later");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::store::director::node::{Phase, Place};
    use crate::store::director::sample::Sample;

    #[test]
    fn a_manager_removes_its_agents_and_neither_itself_nor_what_is_anothers() {
        let sample = Sample::new(0);
        let add = |tag: &str, role, vmid: &str| {
            let rid = sample.add_node(tag, role);
            let ip = Ipv4Addr::LOCALHOST;
            let place = Place { vmid: vmid.into(), ip, private_ip: ip, port: 1 };
            assert!(sample.run(|tx| node::set_place(tx, rid, &place)));
            rid
        };
        let (manager, agent) = (add("n1", NodeRole::Manager, "v1"), add("n2", NodeRole::Agent, "v2"));
        let remove = |aid, vmids: &[&str]| {
            let vmids: Vec<String> = vmids.iter().map(|vmid| (*vmid).to_owned()).collect();
            sample.write(|tx| record_removal(tx, aid, &vmids)).map(|going| going.len())
        };
        assert!(remove(sample.aid, &["v2", "v1"]).is_err());
        assert_eq!(remove(ApplicationId(99), &["v1", "v2"]).expect("they are not its own"), 0);
        assert_eq!(sample.phase(agent), Some(Phase::Making), "all or nothing");
        assert_eq!(remove(sample.aid, &["v2", "gone"]).expect("an agent"), 1);
        assert_eq!((sample.phase(manager), sample.phase(agent)), (Some(Phase::Making), Some(Phase::Removing)));
        assert_eq!(remove(sample.aid, &["v2"]).expect("it is on its way out"), 0);
        let gone = || sample.write(|tx| without_record(tx, sample.aid, vec!["v1".into(), "v2".into(), "v3".into()]));
        assert_eq!(gone().unwrap(), ["v3"], "one that is on its way out may still run");
        sample.run(|tx| node::delete(tx, agent));
        assert_eq!(gone().unwrap(), ["v2", "v3"]);
    }
}
