//! `start_service` and `add_nodes`: nodes are made, then put to work.

use std::time::{Duration, Instant};

use super::apply::{Target, go_back};
use super::step::{Operation, StepError};
use super::task::{Ending, Task};
use crate::api::{NodeRequest, NodeView};
use crate::manager::core::Service;
use crate::manager::director::CreateNodes;
use crate::model::ServiceId;
use crate::node::Level;
use crate::service::Settling;
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, NodeRow, Transaction, VolumeRow};
use crate::sys::{self, file};
use crate::task::crash_point;
use crate::task::poll::Pace;

/// Nodes that join may get any amount of data first.
const SETTLE_LIMIT: Duration = Duration::from_secs(6 * 3600);
/// A node that died is started again by its cloud in less.
const MISSING_LIMIT: Duration = Duration::from_secs(300);
const SETTLE_PACE: Pace = Pace::growing(Duration::from_millis(200), Duration::from_secs(2), 4);

const MADE: u32 = 1;
const WORKING: u32 = 2;

impl Operation {
    pub(super) async fn bring_nodes_in(&mut self) -> Result<(), StepError> {
        let service = self.service().await?;
        if !self.has_done(MADE) {
            let made = self.make_nodes(&service).await?;
            let sid = self.sid();
            self.step_done(MADE, "nodes_recorded", move |tx| record_nodes(tx, sid, &made)).await?;
        }
        self.expect_wanted().await?;
        let (before, added) = self.nodes_by_phase().await?;
        let ids: Vec<String> = added.iter().map(|node| node.view.id.clone()).collect();
        if !self.has_done(WORKING) {
            if matches!(self.row.plan.task, Task::StartService { .. }) {
                self.find_volumes_again(&holders(&service, &added).await?).await?;
            }
            let all = [before, added.clone()].concat();
            let target = Target::of(&service, &all, None).await?;
            target.apply(&service, &all).await?;
            self.settle(&service, &all, &added).await?;
            self.step_done(WORKING, "agents_prepared", move |tx| target.record(tx)).await?;
        }
        self.expect_wanted().await?;
        let used_again = self.use_volumes_again(&added).await?;
        let record = move |tx: &Transaction<'_>| {
            store::set_node_phase(tx, &ids, NodePhase::Active)?;
            used_again.iter().try_for_each(|name| store::set_volume_in_use(tx, name))
        };
        self.finish(Ending::Done, record).await
    }

    /// Waits until the new nodes work with all others. However long that takes, a stop of the service ends it.
    pub(super) async fn settle(&self, service: &Service, all: &[NodeRow], added: &[NodeRow]) -> Result<(), StepError> {
        self.settle_within(SETTLE_LIMIT, service, all, added).await
    }

    /// Waits for that, but no longer than `limit`.
    pub(super) async fn settle_within(
        &self,
        limit: Duration,
        service: &Service,
        all: &[NodeRow],
        added: &[NodeRow],
    ) -> Result<(), StepError> {
        let began = Instant::now();
        let mut missing_since = None;
        while began.elapsed() < limit {
            self.expect_wanted().await?;
            match service.kind.manager.settle(&service.context, all, added).await? {
                Settling::Settled | Settling::Without(_) => return Ok(()),
                Settling::Waits(why) => {
                    tracing::debug!("service {}: {why}", service.row.sid);
                    missing_since = None;
                }
                Settling::Missing(why) => {
                    if missing_since.get_or_insert_with(Instant::now).elapsed() > MISSING_LIMIT {
                        return Err(StepError::Gone(why));
                    }
                }
            }
            tokio::time::sleep(SETTLE_PACE.pause_after(began.elapsed())).await;
        }
        Err(StepError::Gone(format!("the nodes do not work together after {} s", limit.as_secs())))
    }

    /// Returns the nodes of a failed operation to the cloud.
    pub(super) async fn take_nodes_back(&mut self, failure: String) -> Result<(), StepError> {
        // A crash or a failure may lie between the making and the note of it;
        // the director gives the same nodes once more, so that they can be given back.
        if !self.has_done(MADE) && self.row.attempts > 0 {
            let service = self.service().await?;
            match self.make_nodes(&service).await {
                Ok(made) => {
                    let sid = self.sid();
                    self.step_done(MADE, "nodes_recorded", move |tx| record_nodes(tx, sid, &made)).await?;
                }
                Err(error) => self.note(Level::Warning, &format!("no nodes to give back: {error}")),
            }
        }
        let mut added = self.all_nodes().await?;
        added.retain(|node| node.phase != NodePhase::Active);
        let ids: Vec<String> = added.iter().map(|node| node.view.id.clone()).collect();
        let leaving = ids.clone();
        let noted = self.manager.store.write(move |tx| store::set_node_phase(tx, &leaving, NodePhase::Leaving));
        noted.await?;
        if let Err(error) = self.tell_of_return().await {
            self.note(Level::Warning, &format!("not every agent was told: {error}"));
        }
        self.give_back(&added).await;
        self.finish(Ending::Undone(failure), |_| Ok(())).await
    }

    /// Tells the nodes that work of those that are given back, as well as that can be done.
    async fn tell_of_return(&self) -> Result<(), StepError> {
        Ok(go_back(&self.service().await?).await?)
    }

    pub(super) async fn make_nodes(&self, service: &Service) -> Result<Vec<NodeView>, StepError> {
        let kind = service.kind.manager;
        let settings = service.context.settings().await?;
        let (roles, cloud) = match &self.row.plan.task {
            Task::StartService { cloud, counts } => {
                let kept = kind.start_counts(&settings)?;
                let counts = if counts.is_empty() { kept } else { kind.roles().with_first_nodes(counts) };
                (kind.roles().plan_start(&counts), cloud.clone())
            }
            Task::AddNodes { counts, cloud } | Task::HealNodes { counts, cloud, .. } => {
                let planned = kind.roles().plan_addition(counts);
                (planned.map_err(|error| StepError::Gone(error.to_string()))?, cloud.clone())
            }
            _ => return Err(StepError::Gone("this operation makes no nodes".to_owned())),
        };
        let mut n_kept = self.n_kept_volumes().await?;
        let mut requests = Vec::new();
        for roles in &roles {
            let mut volumes = kind.volumes(&settings, roles)?;
            // Kept volumes take the places of new ones.
            let n_found = n_kept.min(volumes.len());
            volumes.truncate(volumes.len() - n_found);
            n_kept -= n_found;
            let role = kind.roles().name(roles);
            requests.push(NodeRequest { cloud: Some(cloud.clone()), role, volumes, inst_type: None });
        }
        let base = &service.context.config.base;
        let script = base.rooted(base.conpaas_home.join(service.row.sid.to_string()).join("startup.sh"));
        let startup_script = sys::blocking(move || file::read_text(&script).ok()).await;
        let made = self
            .manager
            .director
            .create_nodes(&CreateNodes {
                operation_id: &self.row.id,
                sid: service.row.sid,
                service_type: service.kind.agent_type,
                nodes: &requests,
                context: &kind.context(&settings)?,
                startup_script,
            })
            .await?;
        crash_point(&format!("{}.nodes_made", self.name()));
        if made.len() == requests.len() {
            return Ok(made);
        }
        let text = format!("only {} of {} nodes came up", made.len(), requests.len());
        self.note(Level::Error, &text);
        // They are not in the records, so they are given back here and now.
        self.manager.director.remove_nodes(&made).await?;
        Err(StepError::Gone(text))
    }

    /// The nodes that work, and those that this operation made.
    async fn nodes_by_phase(&self) -> Result<(Vec<NodeRow>, Vec<NodeRow>), StoreError> {
        let sid = self.sid();
        let nodes = self.manager.store.read(move |tx| store::list_nodes(tx, Some(sid))).await?;
        let of_phase = |phase| nodes.iter().filter(|node| node.phase == phase).cloned().collect();
        Ok((of_phase(NodePhase::Active), of_phase(NodePhase::New)))
    }
}

/// Returns the nodes that kept volumes are for: those that would have got new ones, or all where none would.
async fn holders(service: &Service, nodes: &[NodeRow]) -> Result<Vec<NodeRow>, StepError> {
    let (kind, settings) = (service.kind.manager, service.context.settings().await?);
    let mut holders = Vec::new();
    for node in nodes {
        if !kind.volumes(&settings, &kind.roles().read(&node.role))?.is_empty() {
            holders.push(node.clone());
        }
    }
    Ok(if holders.is_empty() { nodes.to_vec() } else { holders })
}

pub(super) fn record_nodes(tx: &Transaction<'_>, sid: ServiceId, made: &[NodeView]) -> Result<(), StoreError> {
    store::insert_nodes(tx, sid, made)?;
    for (node, volume) in made.iter().flat_map(|node| node.volumes.iter().map(move |volume| (node, volume))) {
        let row = VolumeRow {
            name: volume.vol_name.clone(),
            sid,
            size_mb: i64::try_from(volume.vol_size).unwrap_or(i64::MAX),
            node_id: node.id.clone(),
            cloud: volume.cloud.clone(),
            device: volume.dev_name.clone(),
            volume_id: Some(volume.vol_id.clone()),
            is_kept: false,
        };
        store::insert_volume(tx, &row)?;
    }
    Ok(())
}
