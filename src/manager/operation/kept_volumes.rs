//! Kept volumes: found again by the start of their service, or attached by their owner.
//!
//! # Guarantees
//! - The director keeps a volume until a node has mounted it and the operation is about to end. An operation that
//!   fails or is broken off before leaves it kept.

use super::step::{Operation, StepError};
use super::task::{Ending, Task};
use super::volumes::known_id;
use crate::api::{KeptVolumeView, VolumeRequest};
use crate::manager::device::free_device;
use crate::model::ServiceId;
use crate::node::Level;
use crate::store::StoreError;
use crate::store::manager::{self as store, NodeRow, Transaction, VolumeRow};
use crate::sys;
use crate::task::crash_point;

const MOUNTED: u32 = 1;

impl Operation {
    /// Attaches the kept volumes of the service to its new nodes, and mounts them. May be repeated.
    pub(super) async fn find_volumes_again(&self, nodes: &[NodeRow]) -> Result<(), StepError> {
        let is_here = |volume: &VolumeRow| nodes.iter().any(|node| node.view.id == volume.node_id);
        // An earlier stop may not have told the director yet.
        for volume in self.volumes_to_keep().await?.iter().filter(|volume| !is_here(volume)) {
            self.manager.give_volume_back(volume).await?;
        }
        let mut kept = self.manager.director.kept_volumes().await?;
        kept.retain(|volume| volume.service_id == Some(self.sid()));
        let mut known = self.manager.store.read(|tx| store::list_volumes(tx, None)).await?;
        let mut new = Vec::new();
        let nodes_and_requests = self.with_requests(nodes).await?;
        for volume in kept {
            if known.iter().any(|known| is_same(known, &volume)) {
                continue;
            }
            match self.place(&nodes_and_requests, &volume, &known) {
                Ok(row) => {
                    known.push(row.clone());
                    new.push(row);
                }
                Err(why) => self.note(Level::Warning, &format!("volume '{}' stays kept: {why}", volume.name)),
            }
        }
        let record = move |tx: &Transaction<'_>| new.iter().try_for_each(|volume| store::insert_volume(tx, volume));
        self.manager.store.write(record).await?;
        crash_point(&format!("{}.volumes_recorded", self.name()));
        for volume in self.volumes_to_keep().await? {
            if let Some(node) = nodes.iter().find(|node| node.view.id == volume.node_id) {
                self.attach(node, &volume).await?;
            }
        }
        Ok(())
    }

    /// Returns how many kept volumes the start of the service will find.
    pub(super) async fn n_kept_volumes(&self) -> Result<usize, StepError> {
        if !matches!(self.row.plan.task, Task::StartService { .. }) {
            return Ok(0);
        }
        let kept = self.manager.director.kept_volumes().await?;
        let to_keep = self.volumes_to_keep().await?;
        let of_service = kept.iter().filter(|volume| volume.service_id == Some(self.sid()));
        // An earlier stop may not have told the director of some.
        let untold = to_keep.iter().filter(|volume| !kept.iter().any(|kept| is_same(volume, kept)));
        Ok(of_service.count() + untold.count())
    }

    /// Tells the director that the kept volumes of these nodes are in use. Returns their names.
    pub(super) async fn use_volumes_again(&self, nodes: &[NodeRow]) -> Result<Vec<String>, StepError> {
        let mut names = Vec::new();
        for volume in self.volumes_to_keep().await? {
            if nodes.iter().any(|node| node.view.id == volume.node_id) {
                self.manager.director.use_volume(&known_id(&volume)?).await?;
                crash_point(&format!("{}.volume_used", self.name()));
                names.push(volume.name);
            }
        }
        Ok(names)
    }

    /// Attaches a kept volume to a node that works.
    pub(super) async fn attach_volume(&mut self, name: &str) -> Result<(), StepError> {
        let volume = self.volume(name).await?;
        let node = self.node(&volume.node_id).await?;
        if !self.has_done(MOUNTED) {
            self.attach(&node, &volume).await?;
            self.step_done(MOUNTED, "volume_mounted", |_| Ok(())).await?;
        }
        self.expect_wanted().await?;
        self.manager.director.use_volume(&known_id(&volume)?).await?;
        crash_point("attach_volume.volume_used");
        let name = name.to_owned();
        self.finish(Ending::Done, move |tx| store::set_volume_in_use(tx, &name)).await
    }

    /// Leaves a volume kept that could not be attached.
    pub(super) async fn undo_attachment(&self, name: &str, failure: String) -> Result<(), StepError> {
        if let Ok(volume) = self.volume(name).await {
            if let Ok(node) = self.node(&volume.node_id).await {
                self.unmount_kept(&[node]).await;
            }
            if let Err(error) = self.manager.give_volume_back(&volume).await {
                // The sweeper tries again.
                self.note(Level::Error, &format!("volume '{name}' is not kept again yet: {}", sys::chain(&error)));
            }
        }
        self.finish(Ending::Undone(failure), |_| Ok(())).await
    }

    /// Unmounts volumes of these nodes that are to be kept, as well as that can be done: a node that does not answer
    /// is about to end.
    pub(super) async fn unmount_kept(&self, nodes: &[NodeRow]) {
        for volume in self.volumes_to_keep().await.unwrap_or_default() {
            let Some(node) = nodes.iter().find(|node| node.view.id == volume.node_id) else { continue };
            if let Err(error) = self.unmount(node, &volume.name).await {
                self.note(Level::Warning, &format!("volume '{}' is not unmounted: {error}", volume.name));
            }
        }
    }

    /// Returns nodes with the volumes that would be made with them.
    async fn with_requests(&self, nodes: &[NodeRow]) -> Result<Vec<(NodeRow, Vec<VolumeRequest>)>, StepError> {
        let service = self.service().await?;
        let (kind, settings) = (service.kind.manager, service.context.settings().await?);
        let requests = |node: &NodeRow| Ok((node.clone(), kind.volumes(&settings, &kind.roles().read(&node.role))?));
        nodes.iter().map(requests).collect()
    }

    async fn volumes_to_keep(&self) -> Result<Vec<VolumeRow>, StoreError> {
        let sid = self.sid();
        let mut volumes = self.manager.store.read(move |tx| store::list_volumes(tx, Some(sid))).await?;
        volumes.retain(|volume| volume.is_kept);
        Ok(volumes)
    }

    async fn attach(&self, node: &NodeRow, volume: &VolumeRow) -> Result<(), StepError> {
        let volume_id = known_id(volume)?;
        self.manager.director.attach_volume(volume, &volume_id, &node.view.vmid).await?;
        crash_point(&format!("{}.volume_attached", self.name()));
        self.mount(node, volume, &volume_id).await
    }

    /// Chooses the node and the device of a kept volume, or says why there is none.
    fn place(
        &self,
        nodes: &[(NodeRow, Vec<VolumeRequest>)],
        kept: &KeptVolumeView,
        known: &[VolumeRow],
    ) -> Result<VolumeRow, String> {
        if known.iter().any(|volume| volume.name == kept.name) {
            return Err("another volume has its name now".to_owned());
        }
        // A node without a volume gets one before another gets a second.
        let n_volumes = |node: &NodeRow| known.iter().filter(|volume| volume.node_id == node.view.id).count();
        let in_cloud = nodes.iter().filter(|(node, _)| node.view.cloud_name == kept.cloud);
        // What was made for data goes where data is wanted.
        let is_strange = |requests: &[VolumeRequest]| !requests.iter().any(|request| request.is_for(&kept.name));
        let chosen = in_cloud.min_by_key(|(node, requests)| (is_strange(requests), n_volumes(node)));
        let (node, _) = chosen.ok_or_else(|| format!("the service has no new node in its cloud '{}'", kept.cloud))?;
        let first = &self.manager.config.dev_target;
        let device = free_device(first, known, &node.view.id).map_err(|error| error.to_string())?;
        Ok(kept_row(kept, self.sid(), node, device))
    }
}

/// Returns the record of a kept volume that is to be attached.
pub(crate) fn kept_row(kept: &KeptVolumeView, sid: ServiceId, node: &NodeRow, device: String) -> VolumeRow {
    VolumeRow {
        name: kept.name.clone(),
        sid,
        size_mb: i64::try_from(kept.size).unwrap_or(i64::MAX),
        node_id: node.view.id.clone(),
        cloud: kept.cloud.clone(),
        device,
        volume_id: Some(kept.volume_id.clone()),
        is_kept: true,
    }
}

fn is_same(known: &VolumeRow, kept: &KeptVolumeView) -> bool {
    known.volume_id.as_deref() == Some(kept.volume_id.as_str())
}
