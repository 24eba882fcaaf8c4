//! Containers on this machine, by liblxc.
//!
//! All nodes share one read-only root file system; each has an overlay for
//! what it writes, so making a node copies nothing. Unprivileged by default:
//! root in a node is nobody outside.
//!
//! # Guarantees
//! - Whatever a killed director leaves behind (a half-started container, its
//!   control groups, mounts, loop devices, its cable) is cleared by the next
//!   `ensure_node` or `remove_node` of the same tag.
//! - Nothing is ever deleted through a mount.
//! - A file system is made once, when its volume is; never on attaching.
//!
//! # Assumptions
//! - Root, and one director for a state directory.
//! - Directors that follow each other share a mount namespace, or are given
//!   the machine's, see [`crate::sys::machine`]; if not, attaching a volume to
//!   a node of an earlier one fails and says so.
//!
//! This is the only room with `unsafe` code: [`liblxc`], [`id_mount`], [`loop_device`] and [`user_namespace`].

mod cgroup;
mod check;
mod disk;
mod disk_image;
mod fuse;
mod group_tree;
mod id_mount;
mod liblxc;
mod loop_device;
mod lxcfs;
mod network;
mod node;
mod plan;
mod record;
mod seccomp;
mod settings;
mod spare_disk;
mod start;
mod user_namespace;
mod volume;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::inventory::{Inventory, NodeRecord, VolumeRecord};
use super::state::LocalState;
use crate::api::{AGENT_PORT, MANAGER_PORT};
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, NodeSpec, VolumeSpec};
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::model::{Finding, NodeRole};
use crate::sys::chain;
use crate::sys::{blocking, file, machine};
use network::{Look, NodePort};
use node::Node;
use spare_disk::SpareDisk;
use volume::DetachError;

pub(crate) use network::check_conflicts;
pub use settings::{LxcSettings, Nat, Privilege};
pub use start::hidden;

/// Disk that volumes must leave free, in bytes.
const DISK_RESERVE: u64 = 256 << 20;

/// Containers on this machine.
pub struct LxcCloud {
    settings: Arc<LxcSettings>,
    state: LocalState,
    network: tokio::sync::Mutex<Option<network::Applied>>,
    making_disk: tokio::sync::Mutex<()>,
    spare_disk: SpareDisk,
}

impl LxcCloud {
    /// Checks the settings and makes the state directory; touches nothing else. Blocking.
    ///
    /// # Errors
    /// A setting is wrong, or the state directory cannot be made.
    pub fn new(mut settings: LxcSettings) -> Result<LxcCloud, CloudError> {
        let fail = |reason: String| CloudError::Failed {
            cloud: settings.name.clone(),
            action: "be set up".to_owned(),
            reason,
        };
        settings.check().map_err(|error| fail(error.to_string()))?;
        file::ensure_passable_directory(&settings.state_directory).map_err(|error| fail(chain(&error)))?;
        // The kernel shows mounts and loop devices by their true paths.
        let state_directory = settings.state_directory.canonicalize().map_err(|error| fail(error.to_string()))?;
        settings.state_directory = state_directory;
        settings.check().map_err(|error| CloudError::Failed {
            cloud: settings.name.clone(),
            action: "be set up".to_owned(),
            reason: error.to_string(),
        })?;
        let (first, last) = (settings.first_address, settings.last_address);
        let inventory = Inventory::new(settings.name.clone(), &settings.state_directory, first, last);
        let state = LocalState::of(match settings.privilege {
            Privilege::Unprivileged(_) => inventory.with_ids(settings.node_ids.clone()),
            Privilege::Privileged => inventory,
        });
        let (network, making_disk, spare_disk) = Default::default();
        Ok(LxcCloud { settings: Arc::new(settings), state, network, making_disk, spare_disk })
    }

    /// Makes the bridge with its address and its rules, and NAT if wanted. May be repeated.
    ///
    /// # Errors
    /// `ip` or `nft` is missing or refuses, or the machine has no room for the network.
    pub async fn ensure_network(&self) -> Result<(), CloudError> {
        let mut applied = self.network.lock().await;
        let fail = |reason| self.state.failed("make its network", reason);
        network::ensure(&self.settings).await.map_err(fail)?;
        self.ensure_rules(&mut applied, Look::Kernel).await.map_err(fail)
    }

    /// Makes the rules of the bridge those of the nodes that are recorded. The records are read under the lock
    /// of the rules: so what is set last is never older than what was set before it.
    async fn ensure_rules(&self, applied: &mut Option<network::Applied>, look: Look) -> Result<(), String> {
        let ports = self.ports().await.map_err(|error| chain(&error))?;
        let prefix = plan::container_prefix(&self.settings.state_directory);
        network::ensure_rules(&self.settings, &prefix, &ports, applied, look).await
    }

    /// The ports of all nodes. A damaged record has no address: its port may send nothing.
    async fn ports(&self) -> Result<Vec<NodePort>, CloudError> {
        let records = self.state.with_inventory(Inventory::nodes).await?;
        let known = records.into_iter().filter(|record| !record.ip.is_unspecified());
        let ports = known.map(|record| NodePort {
            name: plan::container_name(&self.settings.state_directory, record.number),
            address: record.ip,
            group: record.group(),
            published: record.published,
        });
        Ok(ports.collect())
    }

    /// Takes the bridge and NAT away; nodes lose their network. Fine if there is none.
    ///
    /// # Errors
    /// `ip` or `nft` is missing or refuses.
    pub async fn remove_network(&self) -> Result<(), CloudError> {
        let mut applied = self.network.lock().await;
        *applied = None;
        network::remove(&self.settings).await.map_err(|reason| self.state.failed("remove its network", reason))
    }

    fn view(record: &NodeRecord, is_running: bool) -> CloudNode {
        let port = match record.role() {
            NodeRole::Manager => MANAGER_PORT,
            NodeRole::Agent => AGENT_PORT,
        };
        let (tag, vmid) = (record.tag.clone(), record.vmid.clone());
        CloudNode { tag, vmid, ip: record.ip, private_ip: record.ip, port, is_running }
    }

    /// Clears what an earlier life left, lays everything out, starts. What does not wait for each other goes side by side.
    async fn start(&self, record: &NodeRecord, spec: &NodeSpec) -> Result<(), CloudError> {
        let node = Node::new(&self.settings, record);
        let fail = |reason| self.state.failed(format!("start node {}", record.vmid), reason);
        if !network::exists(&self.settings) {
            self.ensure_network().await?;
        }
        let (clearing, of_record) = (node.clone(), record.clone());
        let cleared = blocking(move || {
            if clearing.was_prepared() {
                clearing.stop()?;
            }
            clearing.check_ids_are_free(&of_record)
        });
        cleared.await.map_err(fail)?;
        let start = node.begin(&self.settings.program).map_err(fail)?;
        let admit = async {
            network::remove_cable(&node.container).await?;
            let mut applied = self.network.lock().await;
            self.ensure_rules(&mut applied, Look::Remembered).await
        };
        let (laid_out, admitted) = tokio::join!(self.lay_out(&node, record, spec, &start.order), admit);
        laid_out?;
        admitted.map_err(fail)?;
        start.finish().await.map_err(fail)?;
        network::refuse_ipv6(&node.container);
        Ok(())
    }

    /// Makes the node's disk, writes its context and its order there, mounts its volumes.
    async fn lay_out(&self, node: &Node, record: &NodeRecord, spec: &NodeSpec, order: &Path) -> Result<(), CloudError> {
        let fail = |reason| self.state.failed(format!("start node {}", record.vmid), reason);
        let (state, disk_bytes) = (&self.settings.state_directory, self.settings.limits.disk_bytes);
        let (told, address) = (Arc::clone(&spec.context), record.ip);
        let (mounted, told) = tokio::join!(
            disk::ensure_mounted(&node.paths, state, disk_bytes, &self.making_disk, &self.spare_disk),
            blocking(move || told.files(address)),
        );
        mounted.map_err(fail)?;
        let told = told.map_err(|error| fail(error.to_string()))?;
        let (preparing, settings, order) = (node.clone(), Arc::clone(&self.settings), order.to_owned());
        let (of_record, of_spec) = (record.clone(), spec.clone());
        // Written where the disk is mounted: a confined director may not see it.
        let prepare = move || preparing.prepare(&settings, &of_record, (&of_spec, &told), &order);
        let prepared = blocking(move || machine::inside(prepare));
        prepared.await.map_err(|error| fail(error.to_string()))?.map_err(fail)?;
        let _no_other_volume_moves = self.state.volumes.lock().await;
        for volume in self.state.volumes_of(&record.tag).await? {
            let Some(place) = &volume.attached else { continue };
            let directory = self.state.inventory.volume_directory(&volume.tag);
            volume::ensure_mounted(&directory, &node.place(&place.device), &self.settings).await.map_err(fail)?;
        }
        Ok(())
    }

    /// To be called with the node's lock and the volumes' lock.
    async fn detach(&self, volume: &VolumeRecord) -> Result<(), CloudError> {
        let Some(place) = &volume.attached else { return Ok(()) };
        let directory = self.state.inventory.volume_directory(&volume.tag);
        if let Some(record) = self.state.node(&place.node).await? {
            let node = Node::new(&self.settings, &record);
            let asking = node.clone();
            let init_pid = blocking(move || asking.init_pid()).await;
            match volume::detach(&directory, &node.paths, &place.device, init_pid).await {
                Err(DetachError::Busy) => {
                    return Err(CloudError::VolumeBusy { volume_id: volume.volume_id.clone() });
                }
                Err(DetachError::Failed(reason)) => {
                    return Err(self.state.failed(format!("detach volume {}", volume.volume_id), reason));
                }
                Ok(()) => {}
            }
        }
        self.state.move_volume(volume, None).await.map(drop)
    }

    /// Holds the lock of the node that the volume is in while `work` runs.
    async fn detach_under_locks(&self, tag: &VolumeTag) -> Result<Option<VolumeRecord>, CloudError> {
        loop {
            let Some(seen) = self.state.volume(tag).await? else { return Ok(None) };
            let node = seen.attached.as_ref().map(|place| place.node.clone());
            let _node = match &node {
                Some(node) => Some(self.state.nodes.hold(node).await),
                None => None,
            };
            let _no_other_volume_moves = self.state.volumes.lock().await;
            let Some(record) = self.state.volume(tag).await? else { return Ok(None) };
            // It moved while the locks were awaited: its new node's lock is the one to hold.
            if record.attached.as_ref().map(|place| &place.node) != node.as_ref() {
                continue;
            }
            self.detach(&record).await?;
            return Ok(Some(record));
        }
    }
}

#[async_trait]
impl Cloud for LxcCloud {
    fn name(&self) -> &CloudName {
        &self.settings.name
    }

    fn driver(&self) -> &'static str {
        "lxc"
    }

    async fn examine(&self) -> Result<(), CloudError> {
        let outcome = network::conflicts(&self.settings).await;
        outcome.map_err(|reason| self.state.failed("make its network", reason))
    }

    async fn prepare(&self) -> Result<(), CloudError> {
        self.ensure_network().await
    }

    async fn prepare_next(&self) -> Result<(), CloudError> {
        let (Some(wanted), state) = (self.settings.limits.disk_bytes, &self.settings.state_directory) else {
            return Ok(());
        };
        let made = self.spare_disk.ensure(state, wanted, &self.making_disk).await;
        made.map_err(|reason| self.state.failed("make a disk ahead", reason))
    }

    async fn reserve_node(&self, spec: &NodeSpec) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(&spec.tag).await;
        record::record(self.place(), spec).await.map(drop)
    }

    async fn runs(&self, tag: &NodeTag) -> Result<Option<bool>, CloudError> {
        let Some(record) = self.state.node(tag).await? else { return Ok(Some(false)) };
        let node = Node::new(&self.settings, &record);
        Ok(Some(blocking(move || node.is_running()).await))
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let _node = self.state.nodes.hold(&spec.tag).await;
        let record = record::record(self.place(), spec).await?;
        let node = Node::new(&self.settings, &record);
        let starting =
            async { if blocking(move || node.is_running()).await { Ok(()) } else { self.start(&record, spec).await } };
        let tag = spec.tag.clone();
        let settling = self.state.with_inventory(move |inventory| inventory.settle_node(&tag));
        let (started, settled) = tokio::join!(starting, settling);
        started.and(settled)?;
        Ok(Self::view(&record, true))
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(tag).await;
        let Some(record) = self.state.node(tag).await? else { return Ok(()) };
        let fail = |reason| self.state.failed(format!("stop node {}", record.vmid), reason);
        let node = Node::new(&self.settings, &record);
        let stopping = node.clone();
        blocking(move || stopping.stop()).await.map_err(fail)?;
        network::remove_cable(&node.container).await.map_err(fail)?;
        disk::release(&node.paths).await.map_err(fail)?;
        let _no_other_volume_moves = self.state.volumes.lock().await;
        volume::clear_mounts(&node.paths).await.map_err(fail)?;
        for volume in self.state.volumes_of(tag).await? {
            volume::release(&volume::disk(&self.state.inventory.volume_directory(&volume.tag))).await.map_err(fail)?;
        }
        Ok(())
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(tag).await;
        let Some(record) = self.state.node(tag).await? else { return Ok(()) };
        if record.number == 0 {
            // Neither its record nor the copy says which container is its own.
            record::end_strays(self.place(), tag).await?;
        }
        let fail = |reason| self.state.failed(format!("remove node {}", record.vmid), reason);
        let stopping = Node::new(&self.settings, &record);
        blocking(move || stopping.stop()).await.map_err(fail)?;
        {
            let _no_other_volume_moves = self.state.volumes.lock().await;
            for volume in self.state.volumes_of(tag).await? {
                self.detach(&volume).await?;
            }
        }
        node::remove(&self.settings, &record).await.map_err(fail)?;
        let gone = tag.clone();
        self.state.with_inventory(move |inventory| inventory.forget_node(&gone)).await?;
        let mut applied = self.network.lock().await;
        // A node that is gone sends nothing: its rules go with the next look at the latest.
        if network::exists(&self.settings)
            && let Err(reason) = self.ensure_rules(&mut applied, Look::Remembered).await
        {
            tracing::warn!(cloud = %self.settings.name, "the rules of a removed node stay for now: {reason}");
        }
        Ok(())
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let settings = Arc::clone(&self.settings);
        self.state
            .with_inventory(move |inventory| {
                let records = inventory.nodes()?;
                Ok(records.iter().map(|record| Self::view(record, Node::new(&settings, record).is_running())).collect())
            })
            .await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let wanted = spec.clone();
        if self.state.volume(&spec.tag).await?.is_none() {
            self.check_room(spec.size_mb).await?;
        }
        let record = self.state.with_inventory(move |inventory| inventory.ensure_volume(&wanted)).await?;
        let directory = self.state.inventory.volume_directory(&record.tag);
        let made = volume::ensure_file_system(&directory, record.size_mb, self.settings.privilege).await;
        made.map_err(|reason| self.state.failed(format!("make volume {}", record.volume_id), reason))?;
        self.state.with_inventory(move |inventory| inventory.cloud_volume(record)).await
    }

    async fn grow_volume(&self, volume: &VolumeTag, size_mb: u64) -> Result<(), CloudError> {
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let Some(mut record) = self.state.volume(volume).await? else {
            let (cloud, volume_id) = (self.settings.name.clone(), volume.to_string());
            return Err(CloudError::NoVolume { cloud, volume_id });
        };
        if record.size_mb < size_mb {
            self.check_room(size_mb - record.size_mb).await?;
            record.size_mb = size_mb;
            let place = record.attached.clone();
            record = self.state.move_volume(&record, place).await?;
        }
        // Also where the record says so already: a crash may have left the rest.
        let directory = self.state.inventory.volume_directory(volume);
        let grown = volume::grow(&directory, record.size_mb).await;
        grown.map_err(|reason| self.state.failed(format!("grow volume {}", record.volume_id), reason))
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError> {
        let _node = self.state.nodes.hold(node).await;
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let planned = self.state.plan_attachment(volume, node, device).await?;
        let fail = |reason: String| self.state.cannot_attach(&planned.volume, &planned.node, device, reason);
        let runs = Node::new(&self.settings, &planned.node);
        let asking = runs.clone();
        let Some(init_pid) = blocking(move || asking.init_pid()).await else {
            return Err(fail("the node does not run".to_owned()));
        };
        let device = planned.place.device.as_str();
        let placed = self.state.move_volume(&planned.volume, Some(planned.place.clone())).await?;
        let directory = self.state.inventory.volume_directory(volume);
        let outcome = volume::ensure_mounted(&directory, &runs.place(device), &self.settings).await;
        let outcome = outcome.and_then(|()| {
            if volume::is_seen_by(init_pid, device) {
                Ok(())
            } else {
                Err("the node does not see it; was the director started in another mount namespace?".to_owned())
            }
        });
        let Err(reason) = outcome else { return Ok(()) };
        // What was not there before the call is not there after it fails.
        if let Err(error) = self.detach(&placed).await {
            let id = &placed.volume_id;
            tracing::warn!(volume.id = %id, "a volume that could not be attached stays recorded: {error}");
        }
        Err(fail(reason))
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        self.detach_under_locks(volume).await.map(drop)
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        // A damaged record cannot say where the volume is; its loop device can still be freed.
        match self.detach_under_locks(volume).await {
            Err(CloudError::Failed { .. }) if self.state.volume(volume).await.is_err() => {}
            other => drop(other?),
        }
        let _no_other_volume_moves = self.state.volumes.lock().await;
        let directory = self.state.inventory.volume_directory(volume);
        let fail = |reason| self.state.failed(format!("remove volume {volume}"), reason);
        volume::release(&volume::disk(&directory)).await.map_err(fail)?;
        blocking(move || file::ensure_absent(&directory)).await.map_err(|error| fail(chain(&error)))?;
        let gone = volume.clone();
        self.state.with_inventory(move |inventory| inventory.forget_volume(&gone)).await
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.state.with_inventory(Inventory::cloud_volumes).await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        let paths = plan::NodePaths(self.state.inventory.node_directory(tag));
        blocking(move || {
            let texts = [paths.log(), paths.console()].map(|path| file::read_tail(&path, 8192).unwrap_or_default());
            texts.concat()
        })
        .await
    }

    async fn check(&self) -> Vec<Finding> {
        let mut found = check::findings(Arc::clone(&self.settings)).await;
        let prefix = plan::container_prefix(&self.settings.state_directory);
        match self.ports().await {
            Ok(ports) => found.extend(network::findings(&self.settings, &prefix, &ports).await),
            Err(error) => found.push(Finding::bad(chain(&error), "mend the state directory")),
        }
        found
    }
}

impl LxcCloud {
    fn place(&self) -> record::Place<'_> {
        record::Place { settings: &self.settings, state: &self.state }
    }

    async fn check_room(&self, size_mb: u64) -> Result<(), CloudError> {
        let state = self.settings.state_directory.clone();
        let (free, promised) = self
            .state
            .with_inventory(move |inventory| {
                let free = file::free_bytes(Path::new(&state)).map_err(|error| chain(&error));
                free.map(|free| (free, inventory.promised_bytes(volume::used_bytes)))
            })
            .await
            .map_err(|reason| self.state.failed("look for free disk", reason))?;
        let free = free.saturating_sub(promised?).saturating_sub(DISK_RESERVE);
        self.state.check_room(size_mb, free, &self.settings.state_directory)
    }
}
