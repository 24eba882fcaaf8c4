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

mod node;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::inventory::{Attachment, Inventory, NodeRecord};
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, ContextFile, NodeSpec, VolumeSpec};
use crate::config::ContextForm;
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::model::{Finding, NodeRole, Verdict};
use crate::sys::chain;
use crate::sys::{blocking, file};
use crate::task::keyed_lock::KeyedLocks;
use node::Node;

/// Disk that volumes must leave free, in bytes.
const DISK_RESERVE: u64 = 64 << 20;

/// Where cloud images look for user-data on their own disk.
const USER_DATA: &str = "/var/lib/cloud/seed/nocloud/user-data";

/// What a cloud of plain programs is told. Checked by [`ProcessCloud::new`].
#[derive(Debug, Clone)]
pub(crate) struct ProcessSettings {
    /// Its name in the configuration.
    pub name: CloudName,
    /// Holds `nodes/` and `volumes/`.
    pub state_directory: PathBuf,
    /// This program's file.
    pub program: PathBuf,
    /// First address for nodes, in 127.0.0.0/8.
    pub first_address: Ipv4Addr,
    /// Last address for nodes.
    pub last_address: Ipv4Addr,
    /// Port of managers.
    pub manager_port: u16,
    /// Port of agents.
    pub agent_port: u16,
    /// How nodes get their context.
    pub context: ContextForm,
}

/// Nodes as plain programs of this machine.
pub(crate) struct ProcessCloud {
    settings: Arc<ProcessSettings>,
    inventory: Arc<Inventory>,
    nodes: KeyedLocks<NodeTag>,
    /// Taken after a node's lock, never before one.
    volumes: tokio::sync::Mutex<()>,
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
        let inventory = Inventory::new(settings.name.clone(), &settings.state_directory, first, last);
        Ok(ProcessCloud {
            settings: Arc::new(settings),
            inventory: Arc::new(inventory),
            nodes: KeyedLocks::default(),
            volumes: tokio::sync::Mutex::default(),
        })
    }

    fn failed(&self, action: impl Into<String>, reason: impl Into<String>) -> CloudError {
        CloudError::Failed { cloud: self.settings.name.clone(), action: action.into(), reason: reason.into() }
    }

    async fn with_inventory<T: Send + 'static>(&self, work: impl FnOnce(&Inventory) -> T + Send + 'static) -> T {
        let inventory = Arc::clone(&self.inventory);
        blocking(move || work(&inventory)).await
    }

    async fn record(&self, tag: &NodeTag) -> Result<Option<NodeRecord>, CloudError> {
        let tag = tag.clone();
        let records = self.with_inventory(Inventory::nodes).await?;
        Ok(records.into_iter().find(|record| record.tag == tag))
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

    /// To be called with the volumes' lock.
    async fn detach(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        let of = tag.clone();
        let Some(record) = self.with_inventory(move |inventory| inventory.volume(&of)).await? else { return Ok(()) };
        let Some(place) = record.attached.clone() else { return Ok(()) };
        let node = Node::new(&self.inventory, &place.node);
        let data = data_of(&self.inventory.volume_directory(tag));
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
            Err(error) => return Err(self.failed(format!("detach volume {}", record.volume_id), chain(&error))),
        }
        self.with_inventory(move |inventory| inventory.move_volume(&record, None)).await.map(drop)
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

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let _node = self.nodes.hold(&spec.tag).await;
        let wanted = spec.clone();
        let record = self.with_inventory(move |inventory| inventory.ensure_node(&wanted)).await?;
        let view = Self::view(&self.settings, &record, true);
        let of = spec.tag.clone();
        let volumes = self.with_inventory(move |inventory| inventory.volumes_of(&of)).await?;
        let links: Vec<(PathBuf, String)> = volumes
            .into_iter()
            .filter_map(|volume| {
                let data = data_of(&self.inventory.volume_directory(&volume.tag));
                volume.attached.map(|place| (data, place.device))
            })
            .collect();
        let (node, settings) = (Node::new(&self.inventory, &spec.tag), Arc::clone(&self.settings));
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
        started.map_err(|reason| self.failed(format!("start node {}", view.vmid), reason))?;
        let tag = spec.tag.clone();
        self.with_inventory(move |inventory| inventory.settle_node(&tag)).await?;
        Ok(view)
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        let node = Node::new(&self.inventory, tag);
        let stopped = blocking(move || node.stop()).await;
        stopped.map_err(|reason| self.failed(format!("stop node {tag}"), reason))
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        let Some(record) = self.record(tag).await? else { return Ok(()) };
        let fail = |reason: String| self.failed(format!("remove node {}", record.vmid), reason);
        let stopping = Node::new(&self.inventory, tag);
        blocking(move || stopping.stop()).await.map_err(fail)?;
        let _no_other_volume_moves = self.volumes.lock().await;
        let of = tag.clone();
        for volume in self.with_inventory(move |inventory| inventory.volumes_of(&of)).await? {
            self.detach(&volume.tag).await?;
        }
        let node = Node::new(&self.inventory, tag);
        blocking(move || node.remove_files()).await.map_err(|error| fail(chain(&error)))
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let settings = Arc::clone(&self.settings);
        self.with_inventory(move |inventory| {
            let records = inventory.nodes()?;
            let view =
                |record: &NodeRecord| Self::view(&settings, record, Node::new(inventory, &record.tag).is_running());
            Ok(records.iter().map(view).collect())
        })
        .await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let _no_other_volume_moves = self.volumes.lock().await;
        let (wanted, state) = (spec.clone(), self.settings.state_directory.clone());
        let cloud = self.settings.name.clone();
        self.with_inventory(move |inventory| {
            let words = |error: file::FileError| CloudError::Failed {
                cloud: cloud.clone(),
                action: "make a volume".to_owned(),
                reason: chain(&error),
            };
            let free_mb = file::free_bytes(&state).map_err(words)?.saturating_sub(DISK_RESERVE) >> 20;
            if inventory.volume(&wanted.tag)?.is_none() && wanted.size_mb > free_mb {
                let size = wanted.size_mb;
                let what = format!("a volume of {size} MB does not fit, {free_mb} MB are free in {}", state.display());
                return Err(CloudError::Exhausted { cloud: cloud.clone(), what });
            }
            let record = inventory.ensure_volume(&wanted)?;
            file::ensure_directory(&data_of(&inventory.volume_directory(&record.tag))).map_err(words)?;
            inventory.cloud_volume(record)
        })
        .await
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError> {
        let _node = self.nodes.hold(node).await;
        let _no_other_volume_moves = self.volumes.lock().await;
        let cloud = || self.settings.name.clone();
        if self.record(node).await?.is_none() {
            return Err(CloudError::NoNode { cloud: cloud(), vmid: node.to_string() });
        }
        let of = volume.clone();
        let Some(record) = self.with_inventory(move |inventory| inventory.volume(&of)).await? else {
            return Err(CloudError::NoVolume { cloud: cloud(), volume_id: volume.to_string() });
        };
        let fail = |reason: String| {
            self.failed(format!("attach volume {} to node {node} as {device}", record.volume_id), reason)
        };
        let device = device.strip_prefix("/dev/").unwrap_or(device);
        if device.is_empty() || device.len() > 32 || !device.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(fail("a device name is letters and digits, such as sdb".to_owned()));
        }
        let wanted = Attachment { node: node.clone(), device: device.to_owned() };
        if let Some(place) = record.attached.as_ref().filter(|place| **place != wanted) {
            return Err(fail(format!("it is attached to {} as {}", place.node, place.device)));
        }
        let of = node.clone();
        let others = self.with_inventory(move |inventory| inventory.volumes_of(&of)).await?;
        if let Some(other) =
            others.iter().find(|other| other.tag != *volume && other.attached.as_ref() == Some(&wanted))
        {
            return Err(fail(format!("volume {} is there already", other.volume_id)));
        }
        let moving = record.clone();
        self.with_inventory(move |inventory| inventory.move_volume(&moving, Some(wanted))).await?;
        let (node, device) = (Node::new(&self.inventory, node), device.to_owned());
        let data = data_of(&self.inventory.volume_directory(volume));
        blocking(move || node.link_volume(&data, &device)).await.map_err(fail)
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _no_other_volume_moves = self.volumes.lock().await;
        self.detach(volume).await
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _no_other_volume_moves = self.volumes.lock().await;
        let of = volume.clone();
        // A damaged record cannot say where the volume is; its directory can still be removed.
        if self.with_inventory(move |inventory| inventory.volume(&of)).await.is_ok() {
            self.detach(volume).await?;
        }
        let directory = self.inventory.volume_directory(volume);
        let removed = blocking(move || file::ensure_absent(&directory)).await;
        removed.map_err(|error| self.failed(format!("remove volume {volume}"), chain(&error)))
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.with_inventory(Inventory::cloud_volumes).await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        let node = Node::new(&self.inventory, tag);
        blocking(move || node.last_words()).await
    }

    async fn check(&self) -> Vec<Finding> {
        let settings = Arc::clone(&self.settings);
        blocking(move || findings(&settings)).await
    }
}

fn findings(settings: &ProcessSettings) -> Vec<Finding> {
    let finding = |verdict, text: String, remedy: &str| Finding { verdict, text, remedy: remedy.to_owned() };
    let mut found = Vec::new();
    found.push(if settings.program.is_file() {
        finding(Verdict::Good, format!("{} is there", settings.program.display()), "")
    } else {
        finding(Verdict::Bad, format!("{} is missing", settings.program.display()), "install the program again")
    });
    for port in [settings.manager_port, settings.agent_port] {
        if port < 1024 && !nix::unistd::geteuid().is_root() {
            let text = format!("port {port} needs root");
            found.push(finding(Verdict::Bad, text, "choose a port above 1023, or run as root"));
        }
    }
    found.push(match file::free_bytes(&settings.state_directory) {
        Ok(free) if free < 2 * DISK_RESERVE => {
            finding(Verdict::Bad, format!("only {} MB of disk are free", free >> 20), "remove volumes or add disk")
        }
        Ok(free) => finding(Verdict::Good, format!("{} MB of disk are free", free >> 20), ""),
        Err(error) => finding(Verdict::Bad, error.to_string(), "make the state directory"),
    });
    let text = "nodes are plain programs: no limits, no isolation".to_owned();
    found.push(finding(Verdict::Warning, text, "use DRIVER = lxc for other people's programs"));
    found
}

fn data_of(volume_directory: &Path) -> PathBuf {
    volume_directory.join("data")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::cloud::fixed_context::fixed;
    use crate::sys::process;

    /// A stand-in for the program: says how it was called, and leaves a script in a session of its own.
    const STAND_IN: &str = "#!/bin/sh\necho \"$@\"\nsetsid sh -c 'trap \"\" TERM; sleep 600; :' &\necho up >&2\nwait\n";

    fn cloud(directory: &Path) -> ProcessCloud {
        let program = directory.join("stand-in");
        if !program.exists() {
            fs::write(&program, STAND_IN).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        ProcessCloud::new(ProcessSettings {
            name: "iaas".parse().unwrap(),
            state_directory: directory.join("state"),
            program,
            first_address: Ipv4Addr::new(127, 0, 77, 2),
            last_address: Ipv4Addr::new(127, 0, 77, 254),
            manager_port: if nix::unistd::geteuid().is_root() { 443 } else { 8443 },
            agent_port: 5555,
            context: ContextForm::Files,
        })
        .unwrap()
    }

    fn spec(tag: &str) -> NodeSpec {
        let context = ContextFile { path: "/root/config.cfg".into(), mode: 0o600, content: b"[agent]\n".to_vec() };
        let tag: NodeTag = tag.parse().unwrap();
        NodeSpec {
            name: tag.to_string(),
            tag,
            role: NodeRole::Agent,
            context: fixed(vec![context]),
            instance_type: None,
        }
    }

    async fn wait_for(what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < end, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn of_node(directory: &Path) -> usize {
        let mark = format!("CONPAAS_NODE={}", directory.display()).into_bytes();
        process::find("environ", |words| words.split(|byte| *byte == 0).any(|word| word == mark)).len()
    }

    #[tokio::test]
    async fn a_node_outlives_its_cloud_and_ends_with_all_its_scripts() {
        let directory = tempfile::tempdir().unwrap();
        let node = cloud(directory.path()).ensure_node(&spec("a")).await.unwrap();
        assert_eq!((node.vmid.as_str(), node.ip, node.port), ("i-00000001", Ipv4Addr::new(127, 0, 77, 2), 5555));
        let home = directory.path().canonicalize().unwrap().join("state/nodes/a");
        let said = home.join("root-fs/root/agent.out");
        wait_for("the script in its own session", || of_node(&home) >= 3).await;
        let root = home.join("root-fs");
        let expected =
            format!("agent --config {0}/root/config.cfg --root {0} --bind 127.0.77.2 --port 5555\n", root.display());
        assert_eq!(fs::read_to_string(said).unwrap(), expected);
        assert_eq!(fs::metadata(root.join("root/config.cfg")).unwrap().permissions().mode() & 0o777, 0o600);

        let second = cloud(directory.path());
        assert_eq!(second.list_nodes().await.unwrap(), std::slice::from_ref(&node));
        assert_eq!(second.ensure_node(&spec("a")).await.unwrap(), node);
        assert_eq!(second.console(&node.tag).await, "up\n");
        second.remove_node(&node.tag).await.unwrap();
        second.remove_node(&node.tag).await.unwrap();
        assert_eq!(of_node(&home), 0);
        assert_eq!(second.list_nodes().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_node_that_is_invited_finds_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = cloud(directory.path()).settings.as_ref().clone();
        settings.context = ContextForm::Invitation;
        let cloud = ProcessCloud::new(settings).unwrap();
        let node = cloud.ensure_node(&spec("a")).await.unwrap();
        let root = cloud.inventory.node_directory(&node.tag).join("root-fs");
        assert_eq!(fs::read_to_string(root.join("var/lib/cloud/seed/nocloud/user-data")).unwrap(), "#an invitation\n");
        assert!(!root.join("root/config.cfg").exists());
        let said = root.join("root/agent.out");
        wait_for("the program's words", || fs::read_to_string(&said).is_ok_and(|text| text.ends_with('\n'))).await;
        let words = fs::read_to_string(said).unwrap();
        assert_eq!(words, format!("join --run --root {} --bind 127.0.77.2 --port 5555\n", root.display()));
        cloud.remove_node(&node.tag).await.unwrap();
    }

    #[tokio::test]
    async fn a_number_used_again_is_not_taken_for_the_node() {
        let directory = tempfile::tempdir().unwrap();
        let cloud = cloud(directory.path());
        let node = cloud.ensure_node(&spec("a")).await.unwrap();
        let file = cloud.inventory.node_directory(&node.tag).join("process.json");
        let own = process::ProcessId::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let stranger = process::ProcessId { start_ticks: own.start_ticks + 1, ..own };
        fs::write(file, serde_json::to_vec(&stranger).unwrap()).unwrap();
        assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
        cloud.remove_node(&node.tag).await.unwrap();
    }

    #[tokio::test]
    async fn a_volume_keeps_its_data_and_knows_when_it_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let cloud = cloud(directory.path());
        let node = cloud.ensure_node(&spec("a")).await.unwrap();
        let wanted = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 1, node: None };
        assert_eq!(cloud.ensure_volume(&wanted).await.unwrap().attached_to, None);
        cloud.attach_volume(&wanted.tag, &node.tag, "/dev/sdb").await.unwrap();
        cloud.attach_volume(&wanted.tag, &node.tag, "sdb").await.unwrap();
        let home = cloud.inventory.node_directory(&node.tag);
        let inside = home.join("root-fs/run/conpaas/volumes/sdb");
        fs::write(inside.join("data"), b"kept").unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap()[0].attached_to.as_ref(), Some(&node.vmid));

        let mut user = std::process::Command::new("sleep")
            .arg("600")
            .env("CONPAAS_NODE", &home)
            .current_dir(&inside)
            .spawn()
            .unwrap();
        let busy = cloud.detach_volume(&wanted.tag).await;
        user.kill().unwrap();
        user.wait().unwrap();
        assert!(matches!(busy, Err(CloudError::VolumeBusy { .. })), "{busy:?}");
        cloud.detach_volume(&wanted.tag).await.unwrap();
        assert!(!inside.exists());
        cloud.attach_volume(&wanted.tag, &node.tag, "sdc").await.unwrap();
        assert_eq!(fs::read(home.join("root-fs/run/conpaas/volumes/sdc/data")).unwrap(), b"kept");
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(cloud.ensure_volume(&wanted).await.unwrap().attached_to, None);
        let huge = VolumeSpec { tag: "w".parse().unwrap(), name: "huge".to_owned(), size_mb: 1 << 40, node: None };
        assert!(matches!(cloud.ensure_volume(&huge).await, Err(CloudError::Exhausted { .. })));
        cloud.remove_volume(&wanted.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap(), []);
    }
}
