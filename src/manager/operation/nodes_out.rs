//! `remove_nodes`, `stop_service` and `remove_service`: nodes are given back.

use std::time::{Duration, Instant};

use serde::de::IgnoredAny;

use super::apply::{Target, go_back};
use super::step::{Operation, StepError};
use super::task::{Ending, Task};
use crate::api::NodeView;
use crate::manager::core::Service;
use crate::manager::doors;
use crate::model::ServiceId;
use crate::node::Level;
use crate::rpc::RpcCall;
use crate::service::{ServiceContext, Settling, plan};
use crate::store::manager::{self as store, NodePhase, NodeRow};
use crate::sys::{self, file};
use crate::task::crash_point;
use crate::task::poll::Pace;

const TOLD: u32 = 1;
const GIVEN_BACK: u32 = 2;
/// Data is copied for as long as that takes.
const RELEASE_PACE: Pace = Pace::growing(Duration::from_millis(500), Duration::from_secs(5), 4);
/// Those who tell how far nodes are may not have learned yet that they are about to leave: they are asked once more.
const CONFIRMATION_PAUSE: Duration = Duration::from_secs(8);
/// A node that says nothing for so long is not told that it leaves: it is given back all the same.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often it is told how far nodes are that leave.
const TELL_PAUSE: Duration = Duration::from_secs(10);

impl Operation {
    pub(super) async fn remove_nodes(&mut self, ids: &[String]) -> Result<(), StepError> {
        let service = self.service().await?;
        let nodes = self.all_nodes().await?;
        let removed: Vec<NodeRow> = nodes.iter().filter(|node| ids.contains(&node.view.id)).cloned().collect();
        if !self.has_done(TOLD) {
            let left: Vec<NodeRow> = nodes.into_iter().filter(|node| node.phase == NodePhase::Active).collect();
            let told = answering(&service, &removed).await;
            let answering: Vec<NodeRow> = left.iter().chain(&told).cloned().collect();
            self.release(&service, &left, &removed, &answering).await?;
            let target = Target::of(&service, &left, None).await?;
            doors::close(&self.manager, &service, &removed).await;
            // A node that does not answer must not keep others from going.
            if let Err(error) = target.apply(&service, &answering).await {
                self.note(Level::Warning, &format!("not every agent was told of the removal: {error}"));
            }
            self.step_done(TOLD, "agents_told", move |tx| target.record(tx)).await?;
        }
        if !self.has_done(GIVEN_BACK) {
            self.give_back(&removed).await;
            self.step_done(GIVEN_BACK, "nodes_removed", |_| Ok(())).await?;
        }
        self.finish(Ending::Done, |_| Ok(())).await
    }

    /// Waits until the nodes that leave can, where their kind says so. A stop of the service ends it.
    async fn release(
        &self,
        service: &Service,
        left: &[NodeRow],
        removed: &[NodeRow],
        answering: &[NodeRow],
    ) -> Result<(), StepError> {
        let kind = service.kind.manager;
        if !kind.releases_nodes() {
            return Ok(());
        }
        if let Err(error) = Target::of(service, answering, None).await?.apply(service, answering).await {
            self.note(Level::Warning, &format!("not every agent was told of the removal: {error}"));
        }
        let (began, mut told, mut is_settled) = (Instant::now(), None, false);
        loop {
            self.expect_wanted().await?;
            let pause = match kind.release(&service.context, left, removed).await? {
                Settling::Settled | Settling::Without(_) if is_settled => return Ok(()),
                Settling::Settled | Settling::Without(_) => {
                    is_settled = true;
                    CONFIRMATION_PAUSE
                }
                Settling::Waits(why) | Settling::Missing(why) => {
                    is_settled = false;
                    if told.is_none_or(|told: Instant| told.elapsed() >= TELL_PAUSE) {
                        self.note(Level::Info, &why);
                        told = Some(Instant::now());
                    }
                    RELEASE_PACE.pause_after(began.elapsed())
                }
            };
            crash_point("remove_nodes.releasing");
            tokio::time::sleep(pause).await;
        }
    }

    /// Puts nodes to work again that could not be released.
    pub(super) async fn undo_removal(&self, ids: Vec<String>, failure: String) -> Result<(), StepError> {
        let releases = self.service().await.is_ok_and(|service| service.kind.manager.releases_nodes());
        if releases && !self.has_done(TOLD) && !self.is_superseded().await? {
            let kept = self.manager.store.write(move |tx| store::set_node_phase(tx, &ids, NodePhase::Active));
            kept.await?;
            if let Err(error) = go_back(&self.service().await?).await {
                self.note(Level::Warning, &format!("some agents may not be as they were: {error}"));
            }
        }
        self.finish(Ending::Undone(failure), |_| Ok(())).await
    }

    pub(super) async fn stop_service(&mut self) -> Result<(), StepError> {
        self.end_all_nodes().await?;
        self.finish(Ending::Done, |_| Ok(())).await
    }

    pub(super) async fn remove_service(&mut self) -> Result<(), StepError> {
        let service = self.service().await?;
        self.end_all_nodes().await?;
        // The record of a node must outlive the node.
        if !self.all_nodes().await?.is_empty() {
            return Err(StepError::Gone("some nodes could not be given back; remove the service again".to_owned()));
        }
        let base = &service.context.config.base;
        let scripts = base.rooted(base.conpaas_home.join(service.row.sid.to_string()));
        let code = service.context.code_repository();
        let removal = sys::blocking(move || file::ensure_absent(&code).and_then(|()| file::ensure_absent(&scripts)));
        if let Err(error) = removal.await {
            self.note(Level::Warning, &format!("files of the service are left: {}", sys::chain(&error)));
        }
        let sid = self.sid();
        self.finish(Ending::Done, move |tx| store::delete_service(tx, sid)).await?;
        self.manager.note(ServiceId::MANAGER, Level::Info, &format!("Service {sid} is removed"));
        Ok(())
    }

    async fn end_all_nodes(&mut self) -> Result<(), StepError> {
        let service = self.service().await?;
        let nodes = self.all_nodes().await?;
        if !self.has_done(TOLD) {
            let at_work: Vec<NodeRow> = nodes.iter().filter(|node| node.phase == NodePhase::Active).cloned().collect();
            if let Err(error) = plan::apply(&service.context, &at_work, &[]).await {
                self.note(Level::Warning, &format!("not every agent stopped well: {error}"));
            }
            let ids: Vec<String> = nodes.iter().map(|node| node.view.id.clone()).collect();
            let keeps = (self.row.plan.task == Task::StopKeepingVolumes).then_some(self.sid());
            let record = move |tx: &store::Transaction<'_>| {
                keeps.map_or(Ok(()), |sid| store::set_volumes_kept(tx, sid))?;
                store::set_node_phase(tx, &ids, NodePhase::Leaving)
            };
            self.step_done(TOLD, "agents_told", record).await?;
        }
        if !self.has_done(GIVEN_BACK) {
            self.give_back(&nodes).await;
            self.destroy_volumes_of(&service.context).await;
            self.step_done(GIVEN_BACK, "nodes_removed", |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Returns nodes to the cloud and forgets them, with the volumes that were attached
    /// to them and are not kept. Nodes that the director does not take now keep the phase
    /// `Leaving`, and the sweeper gives them back later.
    pub(super) async fn give_back(&self, nodes: &[NodeRow]) {
        let views: Vec<NodeView> = nodes.iter().map(|node| node.view.clone()).collect();
        let ids: Vec<String> = views.iter().map(|view| view.id.clone()).collect();
        self.unmount_kept(nodes).await;
        if let Err(error) = self.manager.return_nodes(&views).await {
            let ids = ids.join(", ");
            self.note(Level::Error, &format!("nodes {ids} could not be given back yet: {}", sys::chain(&error)));
            return;
        }
        crash_point(&format!("{}.nodes_given_back", self.name()));
        let sid = self.sid();
        let gone = ids.clone();
        let volumes = self.manager.store.read(move |tx| store::list_volumes(tx, Some(sid))).await;
        for volume in volumes.unwrap_or_default().iter().filter(|volume| ids.contains(&volume.node_id)) {
            self.destroy_volume(volume).await;
        }
        if let Err(error) = self.manager.store.write(move |tx| store::delete_nodes(tx, &gone)).await {
            self.note(Level::Error, &format!("cannot forget nodes: {}", sys::chain(&error)));
        }
    }

    async fn destroy_volumes_of(&self, service: &ServiceContext) {
        let sid = service.sid;
        let volumes = self.manager.store.read(move |tx| store::list_volumes(tx, Some(sid))).await;
        for volume in volumes.unwrap_or_default() {
            self.destroy_volume(&volume).await;
        }
    }
}

/// Returns those of some nodes that answer now: what others are told would be waited for in vain.
async fn answering(service: &Service, nodes: &[NodeRow]) -> Vec<NodeRow> {
    let agents = &service.context.agents;
    let ask = RpcCall::get(0, "check_process");
    let asked = nodes.iter().map(|node| agents.call_within::<IgnoredAny>(ANSWER_LIMIT, node, &ask));
    let answers = futures_util::future::join_all(asked).await;
    nodes.iter().zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(node, _)| node.clone()).collect()
}
