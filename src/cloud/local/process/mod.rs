//! Nodes as plain programs of this machine, on addresses 127.0.x.y.
//!
//! For learning and for tests: no root, no containers, no limits. The roles
//! are the real ones. A node's directory stands for its root file system.
//!
//! # Guarantees
//! - A node outlives its director, also one that is killed.
//! - A process number that was used again is never signalled.
//!
//! # Caveats
//! - Nodes see each other's files and the machine's.
//! - The size of a volume is recorded and checked against the free disk when
//!   it is made; nothing enforces it.

mod check;
mod node;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::inventory::{Inventory, NodeRecord};
use super::state::LocalState;
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, ContextFile, NodeSpec, VolumeSpec};
use crate::config::ContextForm;
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::model::{Finding, NodeRole};
use crate::sys::chain;
use crate::sys::{blocking, file};
use node::Node;
use settings::DISK_RESERVE;

pub(crate) use settings::ProcessSettings;

/// Where cloud images look for user-data on their own disk.
const USER_DATA: &str = "/var/lib/cloud/seed/nocloud/user-data";

/// Nodes as plain programs of this machine.
pub(crate) struct ProcessCloud {
    settings: Arc<ProcessSettings>,
    state: LocalState,
}

impl ProcessCloud {
    /// Checks the settings and makes the state directory. Blocking.
    ///
    /// # Errors
    /// The addresses are not loopback addresses in order, or the state directory cannot be made.
    pub(crate) fn new(mut settings: ProcessSettings) -> Result<ProcessCloud, CloudError> {
        let fail = |settings: &ProcessSettings, reason: String| CloudError::Failed {
            cloud: settings.name.clone(),
            action: "be set up".to_owned(),
            reason,
        };
        let (first, last) = (settings.first_address, settings.last_address);
        if !first.is_loopback() || !last.is_loopback() || first > last {
            let reason = format!("the nodes' addresses {first} to {last} must be in order and in 127.0.0.0/8");
            return Err(fail(&settings, reason));
        }
        // Keys, code and volumes of users: no other account of this machine may read them.
        file::ensure_private_directory(&settings.state_directory).map_err(|error| fail(&settings, chain(&error)))?;
        let state_directory = settings.state_directory.canonicalize();
        settings.state_directory = state_directory.map_err(|error| fail(&settings, error.to_string()))?;
        let state = LocalState::new(settings.name.clone(), &settings.state_directory, first, last);
        Ok(ProcessCloud { settings: Arc::new(settings), state })
    }

    fn view(settings: &ProcessSettings, record: &NodeRecord, is_running: bool) -> CloudNode {
        let port = match record.role() {
            NodeRole::Manager => settings.manager_port,
            NodeRole::Agent => settings.agent_port,
        };
        let (tag, vmid) = (record.tag.clone(), record.vmid.clone());
        CloudNode { tag, vmid, ip: record.ip, private_ip: record.ip, port, is_running }
    }

    /// The files that the node is to find when it starts: all of its context,
    /// or where a machine that was not told anything looks for user-data.
    async fn hand_over(
        &self,
        node: &Node,
        record: &NodeRecord,
        spec: &NodeSpec,
    ) -> Result<Vec<ContextFile>, CloudError> {
        match self.settings.context {
            ContextForm::Files => Ok(spec.context.files(record.ip)?),
            ContextForm::Invitation if node.has_context() => Ok(Vec::new()),
            ContextForm::Invitation => {
                let content = spec.context.invitation().await?.into_bytes();
                Ok(vec![ContextFile { path: USER_DATA.into(), mode: 0o600, content }])
            }
        }
    }

    /// Records a node, once: one that is new needs an address that nothing has any more.
    async fn record(&self, spec: &NodeSpec) -> Result<NodeRecord, CloudError> {
        self.end_strays(&spec.tag).await?;
        self.state.record_node(spec).await
    }

    /// Before an address is given: ends the programs of nodes that no record
    /// names, since one of them may have it.
    async fn end_strays(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let (of, cloud) = (tag.clone(), self.settings.name.clone());
        let ended = self.state.with_inventory(move |inventory| {
            if inventory.node(&of).is_ok_and(|record| record.is_some()) {
                return Ok(Vec::new());
            }
            // Before the records: what runs now had one before it was started.
            let running = node::running(inventory);
            let tags: Vec<NodeTag> = inventory.nodes()?.into_iter().map(|record| record.tag).collect();
            let strays: Vec<NodeTag> =
                running.into_iter().filter(|found| !tags.contains(found) && *found != of).collect();
            for stray in &strays {
                let stopped = Node::new(inventory, stray).stop();
                stopped.map_err(|reason| CloudError::Failed {
                    cloud: cloud.clone(),
                    action: format!("end node {stray}, which no record names"),
                    reason,
                })?;
            }
            Ok::<_, CloudError>(strays)
        });
        for stray in ended.await? {
            tracing::error!(node.tag = %stray, "ended a node that no record names");
        }
        Ok(())
    }

    /// To be called with the volumes' lock.
    async fn detach(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let Some(record) = self.state.volume(tag).await? else { return Ok(()) };
        let Some(place) = record.attached.clone() else { return Ok(()) };
        let node = Node::new(&self.state.inventory, &place.node);
        let data = data_of(&self.state.inventory.volume_directory(tag));
        let link = node.volume_link(&place.device);
        let outcome = blocking(move || {
            if node.uses(&data) {
                return Ok(false);
            }
            file::ensure_absent(&link).map(|()| true)
        })
        .await;
        match outcome {
            Ok(true) => {}
            Ok(false) => return Err(CloudError::VolumeBusy { volume_id: record.volume_id }),
            Err(error) => return Err(self.state.failed(format!("detach volume {}", record.volume_id), chain(&error))),
        }
        self.state.move_volume(&record, None).await.map(drop)
    }
}

#[async_trait]
impl Cloud for ProcessCloud {
    fn name(&self) -> &CloudName {
        &self.settings.name
    }

    fn driver(&self) -> &'static str {
        "process"
    }

    async fn reserve_node(&self, spec: &NodeSpec) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(&spec.tag).await;
        self.record(spec).await.map(drop)
    }

    async fn runs(&self, tag: &NodeTag) -> Result<Option<bool>, CloudError> {
        let node = Node::new(&self.state.inventory, tag);
        Ok(Some(blocking(move || node.is_running()).await))
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let _node = self.state.nodes.hold(&spec.tag).await;
        let record = self.record(spec).await?;
        let view = Self::view(&self.settings, &record, true);
        let volumes = self.state.volumes_of(&spec.tag).await?;
        let links: Vec<(PathBuf, String)> = volumes
            .into_iter()
            .filter_map(|volume| {
                let data = data_of(&self.state.inventory.volume_directory(&volume.tag));
                volume.attached.map(|place| (data, place.device))
            })
            .collect();
        let (node, settings) = (Node::new(&self.state.inventory, &spec.tag), Arc::clone(&self.settings));
        let port = view.port;
        let handed_over = self.hand_over(&node, &record, spec).await?;
        let started = blocking(move || {
            if node.is_running() {
                return Ok(());
            }
            node.stop()?;
            node.write_files(&handed_over)?;
            for (data, device) in links {
                node.link_volume(&data, &device)?;
            }
            node.start(&settings.program, &record, port, settings.context)
        })
        .await;
        started.map_err(|reason| self.state.failed(format!("start node {}", view.vmid), reason))?;
        let tag = spec.tag.clone();
        self.state.with_inventory(move |inventory| inventory.settle_node(&tag)).await?;
        Ok(view)
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(tag).await;
        let node = Node::new(&self.state.inventory, tag);
        let stopped = blocking(move || node.stop()).await;
        stopped.map_err(|reason| self.state.failed(format!("stop node {tag}"), reason))
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(tag).await;
        let Some(record) = self.state.node(tag).await? else { return Ok(()) };
        let fail = |reason: String| self.state.failed(format!("remove node {}", record.vmid), reason);
        let stopping = Node::new(&self.state.inventory, tag);
        blocking(move || stopping.stop()).await.map_err(fail)?;
        let _no_other_volume_moves = self.state.volumes.lock().await;
        for volume in self.state.volumes_of(tag).await? {
            self.detach(&volume.tag).await?;
        }
        let node = Node::new(&self.state.inventory, tag);
        blocking(move || node.remove_files()).await.map_err(|error| fail(chain(&error)))?;
        let gone = tag.clone();
        self.state.with_inventory(move |inventory| inventory.forget_node(&gone)).await
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let settings = Arc::clone(&self.settings);
        self.state
            .with_inventory(move |inventory| {
                let records = inventory.nodes()?;
                let view =
                    |record: &NodeRecord| Self::view(&settings, record, Node::new(inventory, &record.tag).is_running());
                Ok(records.iter().map(view).collect())
            })
            .await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let directory = self.settings.state_directory.clone();
        let words = |error: file::FileError| self.state.failed("make a volume", chain(&error));
        let free = blocking(move || file::free_bytes(&directory)).await.map_err(words)?.saturating_sub(DISK_RESERVE);
        if self.state.volume(&spec.tag).await?.is_none() {
            self.state.check_room(spec.size_mb, free, &self.settings.state_directory)?;
        }
        let wanted = spec.clone();
        let record = self.state.with_inventory(move |inventory| inventory.ensure_volume(&wanted)).await?;
        let data = data_of(&self.state.inventory.volume_directory(&record.tag));
        blocking(move || file::ensure_directory(&data)).await.map_err(words)?;
        self.state.with_inventory(move |inventory| inventory.cloud_volume(record)).await
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(node).await;
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let planned = self.state.plan_attachment(volume, node, device).await?;
        self.state.move_volume(&planned.volume, Some(planned.place.clone())).await?;
        let runs = Node::new(&self.state.inventory, node);
        let data = data_of(&self.state.inventory.volume_directory(volume));
        let place = planned.place.device.clone();
        let linked = blocking(move || runs.link_volume(&data, &place)).await;
        linked.map_err(|reason| self.state.cannot_attach(&planned.volume, &planned.node, device, reason))
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _no_other_volume_moves = self.state.volumes.lock().await;
        self.detach(volume).await
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _no_other_volume_moves = self.state.volumes.lock().await;
        // A damaged record cannot say where the volume is; its directory can still be removed.
        if self.state.volume(volume).await.is_ok() {
            self.detach(volume).await?;
        }
        let directory = self.state.inventory.volume_directory(volume);
        let removed = blocking(move || file::ensure_absent(&directory)).await;
        removed.map_err(|error| self.state.failed(format!("remove volume {volume}"), chain(&error)))?;
        let gone = volume.clone();
        self.state.with_inventory(move |inventory| inventory.forget_volume(&gone)).await
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.state.with_inventory(Inventory::cloud_volumes).await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        let node = Node::new(&self.state.inventory, tag);
        blocking(move || node.last_words()).await
    }

    async fn check(&self) -> Vec<Finding> {
        let settings = Arc::clone(&self.settings);
        blocking(move || check::findings(&settings)).await
    }
}

fn data_of(volume_directory: &Path) -> PathBuf {
    volume_directory.join("data")
}

#[cfg(test)]
mod tests;
