//! Makes nodes for an application's manager, and waits until they answer.

use std::sync::Arc;

use futures_util::future::join_all;

use super::bring_up::bring_up;
use super::context;
use super::error::BringUpError;
use super::request::Wish;
use crate::api::texts;
use crate::director::asker::Asker;
use crate::director::error::Failure;
use crate::director::state::{Director, OperationKey};
use crate::director::{credit, volume};
use crate::model::ApplicationId;
use crate::store::Transaction;
use crate::store::director as store;
use crate::store::director::node::{NewNode, Node, Phase};
use crate::store::director::{node, user};
use crate::sys::chain;
use crate::task::crash_point;

/// Nodes that are wanted, all checked.
pub(crate) struct Order {
    /// The manager that asks.
    pub(crate) asker: Asker,
    /// The manager's operation that asks for them.
    pub(crate) operation: Option<String>,
    pub(crate) new: Vec<NewNode>,
}

/// Makes nodes, waits until they answer, and returns those that did.
///
/// A repeated call with the same operation returns the same nodes, or makes
/// them anew if the first call was cut short.
pub(crate) async fn create(director: &Arc<Director>, order: Order) -> Result<Vec<Node>, Failure> {
    let worker = Arc::clone(director);
    director.detached("create nodes", async move { order.carry_out(&worker).await }).await
}

impl Order {
    async fn carry_out(self, director: &Arc<Director>) -> Result<Vec<Node>, Failure> {
        let key = self.operation.clone().map(|operation| OperationKey::CreateNodes(self.asker.aid, operation));
        let _repeated_calls_wait = match &key {
            Some(key) => Some(director.operations.hold(key).await),
            None => None,
        };
        if let Some(made_before) = self.made_before(director).await? {
            return Ok(made_before);
        }
        let (asker, new) = (self.asker, self.new);
        director.reserve.check_room().await?;
        let nodes = director.store.write(move |tx| record_wanted(tx, asker, new)).await?;
        crash_point("create_nodes.recorded");
        tracing::info!(app.id = asker.aid.0, n_nodes = nodes.len(), "making nodes");
        reserve(director, &nodes).await;
        crash_point("create_nodes.reserved");
        let made = join_all(nodes.iter().map(|node| make(director, node))).await;
        // The manager counts on them from its answer on.
        director.store.settle().await?;
        crash_point("create_nodes.finished");
        credit::charge(director).await;
        director.reconcile.wake();
        Ok(made.into_iter().flatten().collect())
    }

    /// The nodes of an earlier run of the same operation. What it left
    /// unfinished is given up: nobody waits for it any more.
    async fn made_before(&self, director: &Director) -> Result<Option<Vec<Node>>, Failure> {
        let Some(operation) = self.operation.clone() else { return Ok(None) };
        let asker = self.asker;
        let give_up = move |tx: &Transaction<'_>| {
            asker.expect_wanted(tx)?;
            give_up_unfinished(tx, asker.aid, &operation)
        };
        let made = director.store.write(give_up).await?;
        Ok(Some(made).filter(|nodes| !nodes.is_empty()))
    }
}

/// Has clouds give addresses in the order of the rows. What a cloud cannot
/// give now, it says when the node is made.
async fn reserve(director: &Arc<Director>, nodes: &[Node]) {
    for node in nodes {
        let Ok(cloud) = director.clouds.get(&node.wanted.cloud) else { continue };
        if let Ok(spec) = context::node_spec(director, node) {
            let _told_when_it_is_made = cloud.reserve_node(&spec).await;
        }
    }
}

/// Records nodes that are wanted, if their owner can pay for them.
fn record_wanted(tx: &Transaction<'_>, asker: Asker, new: Vec<NewNode>) -> Result<Vec<Node>, Failure> {
    if user::credit(tx, asker.uid)?.unwrap_or_default() <= 0 {
        return Err(Failure::application(texts::INSUFFICIENT_CREDITS));
    }
    asker.expect_wanted(tx)?;
    let mut nodes = Vec::new();
    for wanted in new {
        let rid = node::insert(tx, &wanted)?;
        nodes.push(Node { rid, phase: Phase::Making, wanted, place: None, charged: 0, up_since: 0 });
    }
    Ok(nodes)
}

/// Returns the nodes of an operation that are up, and gives up those that are still being made.
fn give_up_unfinished(tx: &Transaction<'_>, aid: ApplicationId, operation: &str) -> Result<Vec<Node>, Failure> {
    let mut nodes = node::of_operation(tx, aid, operation)?;
    for node in nodes.iter().filter(|node| node.phase == Phase::Making) {
        node::set_removing(tx, node.rid)?;
    }
    nodes.retain(|node| node.phase == Phase::Up);
    Ok(nodes)
}

/// Makes one node with its volumes; `None` if it did not come up.
async fn make(director: &Arc<Director>, node: &Node) -> Option<Node> {
    let outcome = async {
        let place = bring_up(director, node).await?;
        let mut wish = Wish::parse(&node.wanted.request).map_err(BringUpError::Context)?;
        let mut node = Node { place: Some(place), ..node.clone() };
        for volume in &wish.volumes {
            wish.attached.push(volume::make_with_node(director, &node, volume).await?);
        }
        node.wanted.request = wish.to_text();
        let (rid, request) = (node.rid, node.wanted.request.clone());
        let is_wanted = director
            .store
            .note(move |tx| {
                node::set_request(tx, rid, &request)?;
                credit::start_counting(tx, rid)
            })
            .await?;
        if is_wanted { Ok(node) } else { Err(BringUpError::Unwanted) }
    };
    match outcome.await {
        Ok(node) => Some(node),
        Err(error) => {
            tracing::error!(node.tag = %node.wanted.tag, app.id = node.wanted.aid.0, error = %chain(&error), "a node did not come up");
            let (rid, tag) = (node.rid, node.wanted.tag.clone());
            let recorded = director.store.write(move |tx| {
                store::volume::set_removing_with_node(tx, &tag)?;
                node::set_removing(tx, rid)
            });
            if let Err(error) = recorded.await {
                tracing::error!(error = %chain(&error), "cannot record that a node is not wanted");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationEvent, NodeRole, VolumeFate};
    use crate::pki::NodeNumber;
    use crate::store::director::application;
    use crate::store::director::sample::Sample;

    /// The manager of an application that starts.
    fn manager(sample: &Sample) -> Asker {
        let _started = sample.run(|tx| application::advance(tx, sample.aid, ApplicationEvent::Start, None));
        let node = NodeNumber::new(sample.add_node("manager", NodeRole::Manager));
        Asker { uid: sample.uid, aid: sample.aid, role: NodeRole::Manager, node }
    }

    #[test]
    fn a_stop_and_an_order_leave_nothing_whichever_comes_first() {
        for stops_first in [true, false] {
            let sample = Sample::new(1);
            let asker = manager(&sample);
            let order = || {
                let new = vec![sample.new_node("n1", NodeRole::Agent)];
                sample.write(|tx| record_wanted(tx, asker, new)).is_ok()
            };
            let stop = || {
                sample
                    .write(|tx| crate::director::application::record_stop(tx, sample.aid, VolumeFate::Lost))
                    .expect("a stop");
            };
            if stops_first {
                stop();
                assert!(!order(), "it is stopped");
            } else {
                assert!(order());
                stop();
            }
            let left = sample.run(node::all).into_iter().filter(|node| node.phase != Phase::Removing);
            assert_eq!(left.count(), 0);
        }
    }

    #[test]
    fn nodes_are_recorded_for_those_who_have_credit() {
        for (credit, n_rows) in [(1, 2), (0, 0)] {
            let sample = Sample::new(credit);
            let asker = manager(&sample);
            let new = ["n1", "n2"].map(|tag| sample.new_node(tag, NodeRole::Agent));
            let outcome = sample.write(|tx| record_wanted(tx, asker, new.into()));
            let refusal = outcome.err().map(|failure| failure.to_string());
            assert_eq!(refusal.as_deref(), Some(texts::INSUFFICIENT_CREDITS).filter(|_| credit == 0));
            assert_eq!(sample.run(node::all).len(), 1 + n_rows);
        }
    }

    #[test]
    fn a_repeated_operation_gets_what_came_up_and_gives_up_the_rest() {
        let sample = Sample::new(1);
        let asker = manager(&sample);
        let new =
            ["n1", "n2"].map(|tag| NewNode { operation: Some("op".into()), ..sample.new_node(tag, NodeRole::Agent) });
        let nodes = sample.write(|tx| record_wanted(tx, asker, new.into())).expect("there is credit");
        assert!(sample.run(|tx| credit::start_counting(tx, nodes[0].rid)));
        let again = || sample.write(|tx| give_up_unfinished(tx, sample.aid, "op")).expect("a read");
        for _ in 0..2 {
            assert_eq!(again().iter().map(|node| node.rid).collect::<Vec<_>>(), [nodes[0].rid]);
            assert_eq!(sample.phase(nodes[1].rid), Some(Phase::Removing));
        }
    }
}
