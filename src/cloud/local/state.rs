//! What a cloud of this machine knows and locks, whatever its nodes are.
//!
//! The lock of the volumes is taken after that of a node, never before one.
//! Must not know: how a node runs, how a volume gets into it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use super::attach::plan_attachment;
use super::inventory::{Attachment, Inventory, NodeRecord, VolumeRecord};
use crate::cloud::{CloudError, NodeSpec};
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::sys::blocking;
use crate::task::keyed_lock::KeyedLocks;

/// The state of one cloud.
pub(crate) struct LocalState {
    pub(crate) name: CloudName,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) nodes: KeyedLocks<NodeTag>,
    pub(crate) volumes: tokio::sync::Mutex<()>,
}

/// A volume that may be attached to a node, which is not recorded yet.
pub(crate) struct PlannedAttachment {
    pub(crate) node: NodeRecord,
    pub(crate) volume: VolumeRecord,
    pub(crate) place: Attachment,
}

impl LocalState {
    pub(crate) fn new(name: CloudName, directory: &Path, first: Ipv4Addr, last: Ipv4Addr) -> LocalState {
        LocalState::of(Inventory::new(name, directory, first, last))
    }

    pub(crate) fn of(inventory: Inventory) -> LocalState {
        LocalState {
            name: inventory.cloud.clone(),
            inventory: Arc::new(inventory),
            nodes: KeyedLocks::default(),
            volumes: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn failed(&self, action: impl Into<String>, reason: impl Into<String>) -> CloudError {
        CloudError::Failed { cloud: self.name.clone(), action: action.into(), reason: reason.into() }
    }

    /// Reads or writes records off the runtime's workers.
    pub(crate) async fn with_inventory<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inventory) -> T + Send + 'static,
    ) -> T {
        let inventory = Arc::clone(&self.inventory);
        blocking(move || work(&inventory)).await
    }

    /// The record of a node; one that is damaged is there all the same.
    pub(crate) async fn node(&self, tag: &NodeTag) -> Result<Option<NodeRecord>, CloudError> {
        let tag = tag.clone();
        self.with_inventory(move |inventory| inventory.node_or_damaged(&tag)).await
    }

    /// Records a node with its number and address, once. To be called with the lock of the node.
    pub(crate) async fn record_node(&self, spec: &NodeSpec) -> Result<NodeRecord, CloudError> {
        let spec = spec.clone();
        self.with_inventory(move |inventory| inventory.ensure_node(&spec)).await
    }

    pub(crate) async fn volume(&self, tag: &VolumeTag) -> Result<Option<VolumeRecord>, CloudError> {
        let tag = tag.clone();
        self.with_inventory(move |inventory| inventory.volume(&tag)).await
    }

    /// Volumes that are wanted in the node.
    pub(crate) async fn volumes_of(&self, node: &NodeTag) -> Result<Vec<VolumeRecord>, CloudError> {
        let node = node.clone();
        self.with_inventory(move |inventory| inventory.volumes_of(&node)).await
    }

    /// Records that a volume is wanted somewhere else, or nowhere.
    pub(crate) async fn move_volume(
        &self,
        volume: &VolumeRecord,
        place: Option<Attachment>,
    ) -> Result<VolumeRecord, CloudError> {
        let volume = volume.clone();
        self.with_inventory(move |inventory| inventory.move_volume(&volume, place)).await
    }

    /// Looks whether a volume may be attached to a node. To be called with the locks of both.
    pub(crate) async fn plan_attachment(
        &self,
        volume: &VolumeTag,
        node: &NodeTag,
        device: &str,
    ) -> Result<PlannedAttachment, CloudError> {
        let Some(owner) = self.node(node).await? else {
            return Err(CloudError::NoNode { cloud: self.name.clone(), vmid: node.to_string() });
        };
        let Some(record) = self.volume(volume).await? else {
            return Err(CloudError::NoVolume { cloud: self.name.clone(), volume_id: volume.to_string() });
        };
        let others = self.volumes_of(node).await?;
        let place = plan_attachment(&record, node, &others, device)
            .map_err(|reason| self.cannot_attach(&record, &owner, device, reason))?;
        Ok(PlannedAttachment { node: owner, volume: record, place })
    }

    /// Why a volume was not attached.
    pub(crate) fn cannot_attach(
        &self,
        volume: &VolumeRecord,
        node: &NodeRecord,
        device: &str,
        reason: String,
    ) -> CloudError {
        self.failed(format!("attach volume {} to node {} as {device}", volume.volume_id, node.vmid), reason)
    }

    /// Whether a new volume fits into what is free of the disk of `directory`, in bytes.
    pub(crate) fn check_room(&self, size_mb: u64, free_bytes: u64, directory: &Path) -> Result<(), CloudError> {
        let free_mb = free_bytes >> 20;
        if size_mb <= free_mb {
            return Ok(());
        }
        let directory = directory.display();
        let what = format!(
            "a volume of {size_mb} MB does not fit, {free_mb} MB are free in {directory}: remove volumes or add disk"
        );
        Err(CloudError::Exhausted { cloud: self.name.clone(), what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_does_not_fit_is_refused_with_what_is_free() {
        let address = Ipv4Addr::new(127, 0, 0, 2);
        let state = LocalState::new("iaas".parse().unwrap(), Path::new("/state"), address, address);
        assert!(state.check_room(3, 3 << 20, Path::new("/state")).is_ok());
        let error = state.check_room(4, (4 << 20) - 1, Path::new("/state")).unwrap_err();
        assert!(error.to_string().contains("4 MB does not fit, 3 MB are free in /state"), "{error}");
    }
}
