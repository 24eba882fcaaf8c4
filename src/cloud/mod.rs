//! Where nodes and volumes come from.
//!
//! One trait, [`Cloud`], and one folder per sort of cloud. A cloud keeps no
//! record that a director relies on: the director writes down what it wants
//! before it asks, and can ask again. So every operation here may be repeated.
//!
//! # Guarantees
//! - [`Cloud::ensure_node`] with a tag that exists returns that node (started
//!   again, if it was stopped, with its disk as it was).
//! - Removing what is not there succeeds.
//! - What a `list_` names was made by this director, and nothing that it made is missing.
//!
//! Must not know: users, credits, applications, the wire.

pub mod ec2;
mod error;
mod firewall_ports;
#[cfg(test)]
mod fixed_context;
pub mod local;
pub mod openstack;
mod remote;
pub(crate) mod timeout;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

pub use error::{CloudError, ContextError};

use crate::model::{CloudName, Finding, NodeGroup, NodeNeeds, NodeRole, NodeTag, VolumeTag};

/// What a node is told when it is made. A cloud takes the one form that it
/// can hand over, and knows nothing of the other.
#[async_trait]
pub trait NodeContext: Send + Sync {
    /// The files of a node with this (private) address, its private key among
    /// them: for a cloud that places them in the node before it boots.
    ///
    /// # Errors
    /// They cannot be made.
    fn files(&self, address: Ipv4Addr) -> Result<Vec<ContextFile>, ContextError>;

    /// A text of at most 16 KB with which the node fetches its files itself:
    /// for a cloud that can only pass user-data on, where others may read it.
    /// Its only secret is a token that works once. Each call makes another one.
    ///
    /// # Errors
    /// It cannot be made, or not be recorded.
    async fn invitation(&self) -> Result<String, ContextError>;
}

/// One file of a node's context, placed before the node boots.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextFile {
    /// Absolute path inside the node, such as `/root/config.cfg`.
    pub path: PathBuf,
    /// Permission bits; the owner is the node's root.
    pub mode: u32,
    /// The content. May be secret: no `Debug`.
    pub content: Vec<u8>,
}

/// A node that is wanted.
#[derive(Clone)]
pub struct NodeSpec {
    /// Finds the node again; unique in its cloud.
    pub tag: NodeTag,
    /// What runs in it.
    pub role: NodeRole,
    /// The name that people see (`conpaas-u1-a2-mgr`).
    pub name: String,
    /// Which other nodes it reaches, in a cloud that can tell them apart.
    pub group: NodeGroup,
    /// What it is told, see [`crate::config`].
    pub context: Arc<dyn NodeContext>,
    /// Size of instance where the cloud has several (`inst_type`).
    pub instance_type: Option<String>,
    /// What its programs need of the machine; clouds of other machines have it by the size of instance.
    pub needs: NodeNeeds,
}

/// A node that a cloud has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudNode {
    /// The tag it was made with.
    pub tag: NodeTag,
    /// The cloud's own id of it (`vmid` on the wire); unique among all clouds of a director.
    pub vmid: String,
    /// Where the director and users reach it.
    pub ip: Ipv4Addr,
    /// Where other nodes of its cloud reach it.
    pub private_ip: Ipv4Addr,
    /// Port of the manager or the agent in it.
    pub port: u16,
    /// Whether it is running now.
    pub is_running: bool,
}

/// A volume that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Finds the volume again; unique in its cloud.
    pub tag: VolumeTag,
    /// The name that people see (`vol-data`).
    pub name: String,
    /// Size in MB (2^20 bytes); a cloud may round up.
    pub size_mb: u64,
    /// The node that it is for, where that is known: a cloud in several places makes it near that.
    pub node: Option<NodeTag>,
}

/// A volume that a cloud has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudVolume {
    /// The tag it was made with.
    pub tag: VolumeTag,
    /// The cloud's own id of it (`volume_id` on the wire).
    pub volume_id: String,
    /// The node (its `vmid`) that it is attached to.
    pub attached_to: Option<String>,
}

/// What a cloud may use to make what its configuration names and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairOptions<'a> {
    /// The image that nodes start from, as a file.
    pub image: Option<&'a Path>,
    /// Where private keys are put that it makes.
    pub key_directory: &'a Path,
}

/// A place that makes nodes and volumes.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &CloudName;

    /// Its sort: the configuration's `DRIVER`.
    fn driver(&self) -> &'static str;

    /// Looks whether what all nodes share, such as their network, has room on this machine, and changes
    /// nothing. A director does not start where this fails.
    async fn examine(&self) -> Result<(), CloudError> {
        Ok(())
    }

    /// Makes ready what all nodes share, such as their network, so that the
    /// director can be reached before the first node is made. Repeated every now and then, it mends what was
    /// changed from outside.
    async fn prepare(&self) -> Result<(), CloudError> {
        Ok(())
    }

    /// Makes ready what the next node needs, while nobody waits for it. May be repeated; what fails is made with the node.
    async fn prepare_next(&self) -> Result<(), CloudError> {
        Ok(())
    }

    /// Reserves for the node `spec.tag` its number and address where that is this
    /// cloud's to choose, so that nodes have them in the order in which they
    /// are asked for. Makes nothing. May be repeated.
    async fn reserve_node(&self, _spec: &NodeSpec) -> Result<(), CloudError> {
        Ok(())
    }

    /// Whether the node runs now; `None` if that is not known without asking far away.
    async fn runs(&self, _tag: &NodeTag) -> Result<Option<bool>, CloudError> {
        Ok(None)
    }

    /// Makes the node `spec.tag` and starts it, or starts it again, or returns
    /// it as it is when it runs. Does not wait for the program in it.
    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError>;

    /// Ends the node and keeps its disk and what is attached to it, so that
    /// [`Cloud::ensure_node`] starts it again. Fine if it does not run, or is not there.
    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError>;

    /// Stops the node and removes it with its disk; detaches its volumes
    /// first, and keeps them. Fine if it is not there.
    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError>;

    /// All nodes of this director in this cloud, running or not.
    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError>;

    /// Makes the volume `spec.tag`, or returns it as it is. Never touches data in it.
    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError>;

    /// Makes the volume at least so large, with its file system where the cloud makes that, also while a node uses it.
    /// May be repeated.
    async fn grow_volume(&self, volume: &VolumeTag, _size_mb: u64) -> Result<(), CloudError> {
        Err(CloudError::Failed {
            cloud: self.name().clone(),
            action: format!("grow volume {volume}"),
            reason: "volumes of this cloud keep the size that they were made with".to_owned(),
        })
    }

    /// Attaches the volume to a running node, where it appears as
    /// `/dev/<device>` or what the cloud has in its place. Fine if it is so already.
    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError>;

    /// Takes the volume from its node. Fine if it is attached to none.
    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError>;

    /// Destroys the volume and its data, detaching it first. Fine if it is not there.
    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError>;

    /// All volumes of this director in this cloud.
    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError>;

    /// The last lines of the node's console, for the log when a node does
    /// not answer; empty where there is none.
    async fn console(&self, tag: &NodeTag) -> String;

    /// Looks whether this cloud can work: tools, images, network, room.
    async fn check(&self) -> Vec<Finding>;

    /// Makes what the configuration names and is not there, as far as that
    /// can be known, and gives what it did or could not do. May be repeated.
    async fn repair(&self, _options: &RepairOptions<'_>) -> Vec<Finding> {
        Vec::new()
    }
}
