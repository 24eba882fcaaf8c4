//! What a cloud of this machine has, as directories: one for each node and
//! each volume, with a small JSON record in it.
//!
//! # Guarantees
//! - A record is written before anything it describes is made.
//! - A directory appears with its record or not at all.
//! - Each record has a copy outside of the directory. A record that is damaged
//!   or gone is read from its copy, and what has a copy is listed until it is
//!   removed: its address is given to nobody else.
//! - One that is damaged twice is still listed, so that it can be removed.
//! - Numbers are never given twice, not even after a restart.
//!
//! Everything here blocks.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ids::{self, NodeIds};
use super::reach::{PublishedPort, group_of_name};
use crate::cloud::{CloudError, CloudVolume, NodeSpec, VolumeSpec};
use crate::model::{CloudName, IdMap, NodeGroup, NodeRole, NodeTag, VolumeTag};
use crate::sys::chain;
use crate::sys::file::{self, FileError};

/// The directories of one cloud.
pub(crate) struct Inventory {
    pub(crate) cloud: CloudName,
    state_directory: PathBuf,
    first_address: Ipv4Addr,
    last_address: Ipv4Addr,
    node_ids: Option<NodeIds>,
    allocation: Mutex<Numbers>,
}

/// Numbers that are recorded as given but are not given yet. A restart skips
/// them: the disk is waited for once for many nodes.
#[derive(Debug, Default)]
struct Numbers {
    next: u64,
    end: u64,
}

/// How many numbers are recorded as given at once.
const BLOCK: u64 = 16;

/// What is recorded of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeRecord {
    pub(crate) tag: NodeTag,
    /// Unique in this cloud, never used again.
    pub(crate) number: u64,
    pub(crate) vmid: String,
    pub(crate) ip: Ipv4Addr,
    role: String,
    pub(crate) name: String,
    /// Its ids outside, which no other node has while it is there. A node of before has none, nor has one whose ids
    /// are those of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<IdMap>,
    /// `None` in records of programs that did not know groups.
    #[serde(default)]
    group: Option<NodeGroup>,
    /// What nodes of other groups reach of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) published: Vec<PublishedPort>,
}

impl NodeRecord {
    pub(crate) fn role(&self) -> NodeRole {
        if self.role == NodeRole::Manager.as_str() { NodeRole::Manager } else { NodeRole::Agent }
    }

    /// Which nodes it reaches. Where no group is recorded, the name tells it.
    pub(crate) fn group(&self) -> Option<NodeGroup> {
        self.group.or_else(|| group_of_name(&self.name))
    }
}

/// What is recorded of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeRecord {
    pub(crate) tag: VolumeTag,
    pub(crate) volume_id: String,
    name: String,
    pub(crate) size_mb: u64,
    pub(crate) attached: Option<Attachment>,
}

/// Where a volume is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) node: NodeTag,
    pub(crate) device: String,
}

impl Inventory {
    pub(crate) fn new(cloud: CloudName, state: &Path, first: Ipv4Addr, last: Ipv4Addr) -> Self {
        let state_directory = state.to_owned();
        Inventory {
            cloud,
            state_directory,
            first_address: first,
            last_address: last,
            node_ids: None,
            allocation: Mutex::default(),
        }
    }

    /// Nodes that are made from now on get ids of their own.
    pub(crate) fn with_ids(self, node_ids: NodeIds) -> Self {
        Inventory { node_ids: Some(node_ids), ..self }
    }

    /// `<state>/nodes`.
    pub(crate) fn nodes_directory(&self) -> PathBuf {
        self.state_directory.join("nodes")
    }

    /// `<state>/nodes/<tag>`.
    pub(crate) fn node_directory(&self, tag: &NodeTag) -> PathBuf {
        self.nodes_directory().join(tag.as_str())
    }

    /// `<state>/volumes/<tag>`.
    pub(crate) fn volume_directory(&self, tag: &VolumeTag) -> PathBuf {
        self.volumes_directory().join(tag.as_str())
    }

    /// Returns the record of the node, made now with a free address if there is none.
    pub(crate) fn ensure_node(&self, spec: &NodeSpec) -> Result<NodeRecord, CloudError> {
        let mut numbers = self.allocation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = self.node(&spec.tag)? {
            // One of before has no copy yet.
            if !self.copy_of(NODE_FILE, spec.tag.as_str()).exists() {
                self.write_copy(NODE_FILE, spec.tag.as_str(), &record)?;
            }
            // A removal that was broken off has left the copy alone.
            if !self.node_directory(&spec.tag).exists() {
                self.place(&self.nodes_directory(), spec.tag.as_str(), NODE_FILE, &record)?;
            }
            return Ok(record);
        }
        let _no_other_cloud_takes_them = ids::ALLOCATION.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = self.free_ids()?;
        let used: BTreeSet<Ipv4Addr> = self.nodes()?.into_iter().map(|record| record.ip).collect();
        let mut pool = u32::from(self.first_address)..=u32::from(self.last_address);
        let ip = pool.find(|address| !used.contains(&Ipv4Addr::from(*address))).map(Ipv4Addr::from);
        let ip = ip.ok_or_else(|| CloudError::Exhausted {
            cloud: self.cloud.clone(),
            what: format!(
                "all addresses from {} to {} are in use: remove nodes or widen the pool",
                self.first_address, self.last_address
            ),
        })?;
        let number = self.next_number(&mut numbers)?;
        let record = NodeRecord {
            tag: spec.tag.clone(),
            number,
            vmid: self.shown_id("i", number),
            ip,
            role: spec.role.as_str().to_owned(),
            name: spec.name.clone(),
            ids,
            group: Some(spec.group),
            published: Vec::new(),
        };
        self.place(&self.nodes_directory(), record.tag.as_str(), NODE_FILE, &record)?;
        Ok(record)
    }

    /// A range of ids that no node of this machine has, as far as records and running processes tell.
    fn free_ids(&self) -> Result<Option<IdMap>, CloudError> {
        let Some(NodeIds { pool, size, neighbours }) = &self.node_ids else { return Ok(None) };
        let mut used = self.ids_in_use(*size)?;
        for directory in neighbours {
            let (first, last) = (self.first_address, self.last_address);
            used.extend(Inventory::new(self.cloud.clone(), directory, first, last).ids_in_use(*size)?);
        }
        used.extend(ids::running().into_iter().map(|(ids, _)| ids));
        let exhausted = || CloudError::Exhausted {
            cloud: self.cloud.clone(),
            what: format!("all ids of ID_POOL {} are in use: remove nodes or widen the pool", pool.ids()),
        };
        pool.free(*size, &used, &self.state_directory).map(Some).ok_or_else(exhausted)
    }

    /// Ids of the nodes that there are. A directory's group is the root of its node, whatever became of the record.
    fn ids_in_use(&self, size: u32) -> Result<BTreeSet<IdMap>, CloudError> {
        let mut used: BTreeSet<IdMap> = self.nodes()?.into_iter().filter_map(|record| record.ids).collect();
        for tag in self.tags::<NodeTag>(&self.nodes_directory(), "")? {
            let group = fs::metadata(self.node_directory(&tag)).map_or(0, |metadata| metadata.gid());
            used.insert(IdMap { first: group, count: size });
        }
        Ok(used)
    }

    /// Waits for the disk to have the record of a node. A node may be started
    /// meanwhile: after a power cut none runs, and what was lost of one was not
    /// answered for yet.
    pub(crate) fn settle_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        self.settle(&self.nodes_directory(), tag.as_str(), NODE_FILE)
    }

    /// The record of a node; an error if it is damaged, and so is its copy.
    pub(crate) fn node(&self, tag: &NodeTag) -> Result<Option<NodeRecord>, CloudError> {
        let record =
            self.read_or_copy(&self.node_directory(tag).join(NODE_FILE), &self.copy_of(NODE_FILE, tag.as_str()))?;
        // A copy that was put in another one's place is worse than none.
        Ok(record.filter(|record: &NodeRecord| record.tag == *tag))
    }

    /// Forgets a node of which nothing is left.
    pub(crate) fn forget_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        self.forget(NODE_FILE, tag.as_str())
    }

    /// Forgets a volume of which nothing is left.
    pub(crate) fn forget_volume(&self, tag: &VolumeTag) -> Result<(), CloudError> {
        self.forget(VOLUME_FILE, tag.as_str())
    }

    /// All nodes. One that is damaged twice has no address, number 0 and an id made of its tag.
    pub(crate) fn nodes(&self) -> Result<Vec<NodeRecord>, CloudError> {
        let tags = self.all_tags(&self.nodes_directory(), NODE_FILE)?;
        Ok(tags
            .into_iter()
            .map(|tag| self.node(&tag).ok().flatten().unwrap_or_else(|| self.damaged_node(tag)))
            .collect())
    }

    /// That one of [`Inventory::nodes`], if it is among them.
    pub(crate) fn node_or_damaged(&self, tag: &NodeTag) -> Result<Option<NodeRecord>, CloudError> {
        if let Ok(Some(record)) = self.node(tag) {
            return Ok(Some(record));
        }
        let is_listed = self.all_tags(&self.nodes_directory(), NODE_FILE)?.contains(tag);
        Ok(is_listed.then(|| self.damaged_node(tag.clone())))
    }

    fn damaged_node(&self, tag: NodeTag) -> NodeRecord {
        NodeRecord {
            vmid: format!("{}-damaged-{tag}", self.cloud),
            name: tag.to_string(),
            role: NodeRole::Agent.as_str().to_owned(),
            ip: Ipv4Addr::UNSPECIFIED,
            number: 0,
            ids: None,
            group: None,
            published: Vec::new(),
            tag,
        }
    }

    /// Returns the record of the volume, made now if there is none.
    pub(crate) fn ensure_volume(&self, spec: &VolumeSpec) -> Result<VolumeRecord, CloudError> {
        let mut numbers = self.allocation.lock().unwrap_or_else(PoisonError::into_inner);
        let record = match self.volume(&spec.tag)? {
            Some(record) if self.volume_directory(&spec.tag).exists() => return Ok(record),
            // A removal that was broken off has left the copy alone.
            Some(record) => record,
            None => VolumeRecord {
                tag: spec.tag.clone(),
                volume_id: self.shown_id("vol", self.next_number(&mut numbers)?),
                name: spec.name.clone(),
                size_mb: spec.size_mb,
                attached: None,
            },
        };
        let volumes = self.volumes_directory();
        // Users' data.
        file::ensure_private_directory(&volumes).map_err(|error| self.failed("make a volume", &error))?;
        self.place(&volumes, record.tag.as_str(), VOLUME_FILE, &record)?;
        drop(numbers);
        self.settle(&self.volumes_directory(), record.tag.as_str(), VOLUME_FILE)?;
        Ok(record)
    }

    /// The record of a volume; an error if it is damaged, and so is its copy.
    pub(crate) fn volume(&self, tag: &VolumeTag) -> Result<Option<VolumeRecord>, CloudError> {
        let file = self.volume_directory(tag).join(VOLUME_FILE);
        let record = self.read_or_copy(&file, &self.copy_of(VOLUME_FILE, tag.as_str()))?;
        Ok(record.filter(|record: &VolumeRecord| record.tag == *tag))
    }

    /// All volumes. One that is damaged twice has an id made of its tag.
    pub(crate) fn volumes(&self) -> Result<Vec<VolumeRecord>, CloudError> {
        let mut records = Vec::new();
        for tag in self.all_tags(&self.volumes_directory(), VOLUME_FILE)? {
            records.push(match self.volume(&tag) {
                Ok(Some(record)) => record,
                Ok(None) | Err(_) => VolumeRecord {
                    volume_id: format!("{}-damaged-{tag}", self.cloud),
                    name: tag.to_string(),
                    size_mb: 0,
                    attached: None,
                    tag,
                },
            });
        }
        Ok(records)
    }

    /// Volumes that are wanted in the node.
    pub(crate) fn volumes_of(&self, node: &NodeTag) -> Result<Vec<VolumeRecord>, CloudError> {
        let wanted = |record: &VolumeRecord| record.attached.as_ref().is_some_and(|place| place.node == *node);
        Ok(self.volumes()?.into_iter().filter(wanted).collect())
    }

    /// All volumes in the words of the trait.
    pub(crate) fn cloud_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.volumes()?.into_iter().map(|record| self.cloud_volume(record)).collect()
    }

    /// One volume in the words of the trait.
    pub(crate) fn cloud_volume(&self, record: VolumeRecord) -> Result<CloudVolume, CloudError> {
        let attached_to = match record.attached {
            Some(place) => self.node(&place.node)?.map(|node| node.vmid),
            None => None,
        };
        Ok(CloudVolume { tag: record.tag, volume_id: record.volume_id, attached_to })
    }

    /// Records that a volume is wanted somewhere else, or nowhere.
    pub(crate) fn move_volume(
        &self,
        record: &VolumeRecord,
        attached: Option<Attachment>,
    ) -> Result<VolumeRecord, CloudError> {
        let record = VolumeRecord { attached, ..record.clone() };
        self.write(&self.volume_directory(&record.tag).join(VOLUME_FILE), &record)?;
        self.write_copy(VOLUME_FILE, record.tag.as_str(), &record)?;
        Ok(record)
    }

    /// Bytes that volumes may still grow by, with what `used_bytes` tells of each.
    pub(crate) fn promised_bytes(&self, used_bytes: impl Fn(&Path) -> u64) -> Result<u64, CloudError> {
        let open = self
            .volumes()?
            .into_iter()
            .map(|record| (record.size_mb << 20).saturating_sub(used_bytes(&self.volume_directory(&record.tag))));
        Ok(open.sum())
    }

    fn volumes_directory(&self) -> PathBuf {
        self.state_directory.join("volumes")
    }

    /// Old clients show these ids, so the default cloud's have upstream's form.
    fn shown_id(&self, kind: &str, number: u64) -> String {
        if self.cloud == CloudName::default_cloud() {
            format!("{kind}-{number:08}")
        } else {
            format!("{}-{kind}-{number:08}", self.cloud)
        }
    }

    fn next_number(&self, numbers: &mut Numbers) -> Result<u64, CloudError> {
        if numbers.next == numbers.end {
            let path = self.state_directory.join("last-number");
            // A file that is gone or damaged says nothing: what is there does.
            let recorded: u64 = self.read(&path).ok().flatten().unwrap_or(0);
            let nodes = self.nodes()?.into_iter().map(|record| record.number);
            let volumes = self.volumes()?;
            let volumes = volumes.iter().filter_map(|record| record.volume_id.rsplit('-').next()?.parse().ok());
            let next = nodes.chain(volumes).max().unwrap_or(0).max(recorded) + 1;
            self.write(&path, &(next + BLOCK - 1))?;
            *numbers = Numbers { next, end: next + BLOCK };
        }
        numbers.next += 1;
        Ok(numbers.next - 1)
    }

    fn copies_directory(&self) -> PathBuf {
        self.state_directory.join("records")
    }

    /// Where the copy of a record is: `<state>/records/<tag>.node.json`.
    fn copy_of(&self, name: &str, tag: &str) -> PathBuf {
        self.copies_directory().join(format!("{tag}.{name}"))
    }

    /// Does not wait for the disk: after a power cut the record itself is there.
    fn write_copy<T: Serialize>(&self, name: &str, tag: &str, record: &T) -> Result<(), CloudError> {
        let fail = |source: FileError| self.failed(&format!("record {tag}"), &source);
        file::ensure_private_directory(&self.copies_directory()).map_err(fail)?;
        let copy = self.copy_of(name, tag);
        let unfinished = copy.with_extension("new");
        fs::write(&unfinished, bytes(record))
            .and_then(|()| fs::rename(&unfinished, &copy))
            .map_err(|source| fail(FileError::new("write", &copy, source)))
    }

    fn forget(&self, name: &str, tag: &str) -> Result<(), CloudError> {
        file::ensure_absent(&self.copy_of(name, tag)).map_err(|source| self.failed(&format!("forget {tag}"), &source))
    }

    fn read_or_copy<T: DeserializeOwned>(&self, file: &Path, copy: &Path) -> Result<Option<T>, CloudError> {
        match self.read(file) {
            Ok(Some(record)) => Ok(Some(record)),
            Ok(None) => Ok(self.read(copy).ok().flatten()),
            Err(error) => match self.read(copy) {
                Ok(Some(record)) => {
                    tracing::warn!(file = %file.display(), error = %error, "a record is damaged; its copy is used");
                    Ok(Some(record))
                }
                Ok(None) | Err(_) => Err(error),
            },
        }
    }

    /// Tags of all that has a directory or the copy of a record.
    fn all_tags<T: FromStr + Ord>(&self, directory: &Path, name: &str) -> Result<Vec<T>, CloudError> {
        let mut tags: Vec<T> = self.tags(directory, "")?;
        tags.extend(self.tags(&self.copies_directory(), &format!(".{name}"))?);
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// Makes `<parent>/<tag>` with its record in one step.
    fn place<T: Serialize>(&self, parent: &Path, tag: &str, name: &str, record: &T) -> Result<(), CloudError> {
        self.write_copy(name, tag, record)?;
        // The dot keeps it from being taken for a tag, so what a crash leaves here is cleared by the next one.
        let temporary = parent.join(format!(".{tag}.new"));
        let fail = |source: FileError| self.failed(&format!("record {tag}"), &source);
        file::ensure_absent(&temporary).map_err(fail)?;
        file::ensure_directory(&temporary).map_err(fail)?;
        let file = temporary.join(name);
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        let written = made.and_then(|mut made| made.write_all(&bytes(record)));
        written.map_err(|source| fail(FileError::new("write", &file, source)))?;
        // An empty directory is what an unfinished removal leaves, and is replaced. One with content but
        // without a record may have file systems mounted in it: only a removal knows how to clear that.
        let target = parent.join(tag);
        fs::rename(&temporary, &target).map_err(|source| fail(FileError::new("make", &target, source)))
    }

    /// Waits for the disk to have what [`Inventory::place`] made. To be called
    /// without the lock: many nodes then wait at the same time. What a power
    /// cut takes before is a node of which nothing was made yet.
    fn settle(&self, parent: &Path, tag: &str, name: &str) -> Result<(), CloudError> {
        for path in [&parent.join(tag).join(name), parent] {
            fs::File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(|source| self.failed(&format!("record {tag}"), &FileError::new("sync", path, source)))?;
        }
        Ok(())
    }

    /// Tags by the names in a directory that end with `ending`.
    fn tags<T: FromStr + Ord>(&self, directory: &Path, ending: &str) -> Result<Vec<T>, CloudError> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| self.failed("list", &FileError::new("list", directory, source)))?,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut tags: Vec<T> = names.filter_map(|name| name.strip_suffix(ending)?.parse().ok()).collect();
        tags.sort();
        Ok(tags)
    }

    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, CloudError> {
        let bytes = match file::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|source| self.failed("read its records", &source))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| CloudError::Failed {
            cloud: self.cloud.clone(),
            action: format!("read {}", path.display()),
            reason: format!("it is damaged ({source}); remove this node or volume and make it again"),
        })
    }

    fn write<T: Serialize>(&self, path: &Path, record: &T) -> Result<(), CloudError> {
        file::write_atomic(path, &bytes(record), 0o600).map_err(|source| self.failed("write its records", &source))
    }

    fn failed(&self, action: &str, source: &FileError) -> CloudError {
        CloudError::Failed { cloud: self.cloud.clone(), action: action.to_owned(), reason: chain(source) }
    }
}

fn bytes(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(record).expect("records hold only texts and numbers")
}

const NODE_FILE: &str = "node.json";
const VOLUME_FILE: &str = "volume.json";

#[cfg(test)]
mod tests;
