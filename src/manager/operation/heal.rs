//! `heal_nodes`: nodes that died are taken out of the service, and others are made in their place.

use std::time::Duration;

use super::apply::Target;
use super::nodes_in::record_nodes;
use super::step::{Operation, StepError};
use super::task::Ending;
use crate::node::Level;
use crate::service::Player;
use crate::store::manager::{self as store, NodePhase, NodeRow, Transaction};

/// For so long those that live may look for each other before new ones are made.
const TOGETHER_LIMIT: Duration = Duration::from_secs(120);

const TAKEN_OUT: u32 = 1;
const MADE: u32 = 2;
const WORKING: u32 = 3;
const GIVEN_BACK: u32 = 4;

impl Operation {
    pub(super) async fn heal_nodes(&mut self, ids: &[String]) -> Result<(), StepError> {
        let service = self.service().await?;
        if !self.has_done(TAKEN_OUT) {
            self.take_out(&service.context.nodes().await?).await?;
        }
        if !self.has_done(MADE) {
            let made = self.make_nodes(&service).await?;
            let sid = self.sid();
            self.step_done(MADE, "nodes_recorded", move |tx| record_nodes(tx, sid, &made)).await?;
        }
        self.expect_wanted().await?;
        let nodes = self.all_nodes().await?;
        if !self.has_done(WORKING) {
            let working: Vec<NodeRow> = nodes.iter().filter(|node| node.phase != NodePhase::Leaving).cloned().collect();
            let new: Vec<String> =
                working.iter().filter(|node| node.phase == NodePhase::New).map(|node| node.view.id.clone()).collect();
            let target = Target::of(&service, &working, None).await?;
            target.apply(&service, &working).await?;
            let added: Vec<NodeRow> = working.iter().filter(|node| new.contains(&node.view.id)).cloned().collect();
            self.settle(&service, &working, &added).await?;
            let record = move |tx: &Transaction<'_>| {
                target.record(tx)?;
                store::set_node_phase(tx, &new, NodePhase::Active)
            };
            self.step_done(WORKING, "agents_prepared", record).await?;
        }
        if !self.has_done(GIVEN_BACK) {
            let dead: Vec<NodeRow> = nodes.into_iter().filter(|node| ids.contains(&node.view.id)).collect();
            self.give_back(&dead).await;
            self.step_done(GIVEN_BACK, "dead_removed", |_| Ok(())).await?;
        }
        self.finish(Ending::Done, |_| Ok(())).await
    }

    /// Brings the nodes that live to work without the dead ones, before others are there.
    async fn take_out(&mut self, living: &[NodeRow]) -> Result<(), StepError> {
        let service = self.service().await?;
        let roles = service.kind.manager.roles();
        let players: Vec<Player> = living.iter().map(|node| Player::of(node, roles)).collect();
        if !roles.can_carry(&players) {
            return self.step_done(TAKEN_OUT, "nobody_left", |_| Ok(())).await;
        }
        let target = Target::of(&service, living, None).await?;
        if let Err(error) = target.apply(&service, living).await {
            self.note(Level::Warning, &format!("not every agent was told of the dead nodes: {error}"));
        }
        // Clients need not wait until the new nodes are there.
        if let Err(error) = self.settle_within(TOGETHER_LIMIT, &service, living, &[]).await {
            self.note(Level::Warning, &format!("without the dead nodes: {error}"));
        }
        self.expect_wanted().await?;
        self.step_done(TAKEN_OUT, "dead_taken_out", move |tx| target.record(tx)).await
    }

    /// The dead nodes stay on record: they are looked after again, and may come back.
    pub(super) async fn undo_heal(&mut self, ids: Vec<String>, failure: String) -> Result<(), StepError> {
        if !self.has_done(WORKING) {
            let kept = self.manager.store.write(move |tx| store::set_node_phase(tx, &ids, NodePhase::Active));
            kept.await?;
        }
        self.take_nodes_back(failure).await
    }
}
