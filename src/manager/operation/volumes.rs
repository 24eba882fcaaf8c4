//! `create_volume` and `delete_volume`.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::step::{Operation, StepError};
use super::task::Ending;
use crate::node::Level;
use crate::rpc::RpcCall;
use crate::store::manager::{self as store, NodeRow, VolumeRow};
use crate::sys;
use crate::task::crash_point;

/// An agent waits half a minute for a device, and formats it.
const VOLUME_LIMIT: Duration = Duration::from_secs(180);

const MADE: u32 = 1;
const ATTACHED: u32 = 2;
const MOUNTED: u32 = 3;

const UNMOUNTED: u32 = 1;
const DETACHED: u32 = 2;
const DESTROYED: u32 = 3;

impl Operation {
    pub(super) async fn create_volume(&mut self, name: &str) -> Result<(), StepError> {
        let volume = self.volume(name).await?;
        let node = self.node(&volume.node_id).await?;
        let director = &self.manager.director;
        if !self.has_done(MADE) {
            let volume_id = director.create_volume(&self.row.id, &volume, &node.view.vmid).await?;
            crash_point("create_volume.volume_made");
            let name = name.to_owned();
            self.step_done(MADE, "volume_recorded", move |tx| store::set_volume_id(tx, &name, &volume_id)).await?;
        }
        self.expect_wanted().await?;
        let volume_id = known_id(&self.volume(name).await?)?;
        if !self.has_done(ATTACHED) {
            self.manager.director.attach_volume(&volume, &volume_id, &node.view.vmid).await?;
            self.step_done(ATTACHED, "volume_attached", |_| Ok(())).await?;
        }
        if !self.has_done(MOUNTED) {
            self.mount(&node, &volume, &volume_id).await?;
            self.step_done(MOUNTED, "volume_mounted", |_| Ok(())).await?;
        }
        self.finish(Ending::Done, |_| Ok(())).await
    }

    /// Removes what a failed `create_volume` made.
    pub(super) async fn take_volume_back(&mut self, name: &str, failure: String) -> Result<(), StepError> {
        let Ok(mut volume) = self.volume(name).await else {
            return self.finish(Ending::Undone(failure), |_| Ok(())).await;
        };
        let node = self.node(&volume.node_id).await.ok();
        if volume.volume_id.is_none()
            && self.row.attempts > 0
            && let Some(node) = &node
        {
            // It may have been made without a note of it; the director gives the same one once more.
            volume.volume_id = self.manager.director.create_volume(&self.row.id, &volume, &node.view.vmid).await.ok();
        }
        if let Some(node) = &node
            && self.has_done(ATTACHED)
            && let Err(error) = self.unmount(node, name).await
        {
            self.note(Level::Warning, &format!("volume '{name}' is not unmounted: {error}"));
        }
        self.destroy_volume(&volume).await;
        self.finish(Ending::Undone(failure), |_| Ok(())).await
    }

    pub(super) async fn delete_volume(&mut self, name: &str) -> Result<(), StepError> {
        let volume = self.volume(name).await?;
        if !self.has_done(UNMOUNTED) {
            let node = self.node(&volume.node_id).await?;
            self.unmount(&node, name).await?;
            self.step_done(UNMOUNTED, "volume_unmounted", |_| Ok(())).await?;
        }
        if let Some(volume_id) = &volume.volume_id {
            if !self.has_done(DETACHED) {
                self.manager.director.detach_volume(&volume.cloud, volume_id).await?;
                self.step_done(DETACHED, "volume_detached", |_| Ok(())).await?;
            }
            if !self.has_done(DESTROYED) {
                self.manager.director.destroy_volume(&volume.cloud, volume_id).await?;
                self.step_done(DESTROYED, "volume_destroyed", |_| Ok(())).await?;
            }
        }
        let name = name.to_owned();
        self.finish(Ending::Done, move |tx| store::delete_volume(tx, &name)).await
    }

    /// Detaches and destroys a volume and forgets it. One that the director
    /// does not take now stays recorded, and the sweeper tries again.
    pub(super) async fn destroy_volume(&self, volume: &VolumeRow) {
        if let Err(error) = self.manager.give_volume_back(volume).await {
            let text = format!("volume '{}' could not be destroyed yet: {}", volume.name, sys::chain(&error));
            self.note(Level::Error, &text);
        }
    }

    pub(super) async fn mount(&self, node: &NodeRow, volume: &VolumeRow, volume_id: &str) -> Result<(), StepError> {
        let service = self.service().await?;
        let call = RpcCall::post(0, "mount_volume").param("dev_name", volume.device.as_str());
        let call = call.param("vol_name", volume.name.as_str()).param("vol_id", volume_id);
        let agents = service.context.agents.patient();
        let _nothing_to_say: IgnoredAny = agents.call_within(VOLUME_LIMIT, node, &call).await?;
        Ok(())
    }

    pub(super) async fn unmount(&self, node: &NodeRow, name: &str) -> Result<(), StepError> {
        let service = self.service().await?;
        let call = RpcCall::post(0, "unmount_volume").param("vol_name", name);
        let agents = service.context.agents.patient();
        let _nothing_to_say: IgnoredAny = agents.call_within(VOLUME_LIMIT, node, &call).await?;
        Ok(())
    }

    pub(super) async fn volume(&self, name: &str) -> Result<VolumeRow, StepError> {
        let wanted = name.to_owned();
        let found = self.manager.store.read(move |tx| store::find_volume(tx, &wanted)).await?;
        found.ok_or_else(|| StepError::Gone(format!("volume '{name}' is gone")))
    }

    pub(super) async fn node(&self, id: &str) -> Result<NodeRow, StepError> {
        let nodes = self.all_nodes().await?;
        let found = nodes.into_iter().find(|node| node.view.id == id);
        found.ok_or_else(|| StepError::Gone(format!("node {id} is gone")))
    }
}

pub(super) fn known_id(volume: &VolumeRow) -> Result<String, StepError> {
    let known = volume.volume_id.clone();
    known.ok_or_else(|| StepError::Gone(format!("volume '{}' has no id", volume.name)))
}
