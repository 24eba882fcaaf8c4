//! Nodes as servers of OpenStack's nova, volumes of its cinder, addresses of
//! its neutron.
//!
//! # Guarantees
//! - Everything says whose it is from the call on that makes it: a server by a
//!   tag (`conpaas-<director>`) and metadata, a volume by metadata, a floating
//!   address by its description. By these it is found again.
//! - OpenStack has no token that makes a repeated call harmless. So what makes
//!   something is sent once; when its answer is lost, the thing is looked for
//!   by those marks, and if there are two in the end, both are removed.
//! - A server is told an invitation, no key (see [`crate::cloud::NodeContext`]).
//!
//! # Assumptions
//! - The image runs `conpaas init` as its first process, or `conpaas join --run`.
//! - The security group lets managers and agents be reached (`check` looks, and can make it).
//!
//! # Caveats
//! - Today's neutron gives no floating address by itself. Where nodes are to
//!   have one, the director gives it (`AUTO_ASSIGN_FLOATING_IP = false`).
//! - Cinder counts in GB: a volume may be larger than it was asked for.

mod address;
mod call;
mod check;
mod error_text;
mod found_ids;
mod ids;
mod names;
mod node;
mod project;
mod refusal;
mod repair;
mod requests;
mod responses;
mod session;
mod volume;

use std::sync::Arc;

use async_trait::async_trait;

use self::project::Project;
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, NodeSpec, RepairOptions, VolumeSpec};
use crate::config::OpenStackConfig;
use crate::model::Finding;
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::task::keyed_lock::KeyedLocks;

/// Servers and volumes of one project.
pub struct OpenStackCloud {
    project: Arc<Project>,
    nodes: KeyedLocks<NodeTag>,
    volumes: KeyedLocks<VolumeTag>,
}

impl OpenStackCloud {
    /// A cloud of the director `director` (a word that no other director has).
    /// Asks nobody yet. Blocking.
    ///
    /// # Errors
    /// The authorities that are to be trusted cannot be read.
    pub fn new(name: &CloudName, config: &OpenStackConfig, director: &str) -> Result<OpenStackCloud, CloudError> {
        let project = Project::new(name, config, director)?;
        Ok(OpenStackCloud { project: Arc::new(project), nodes: KeyedLocks::default(), volumes: KeyedLocks::default() })
    }
}

#[async_trait]
impl Cloud for OpenStackCloud {
    fn name(&self) -> &CloudName {
        &self.project.name
    }

    fn driver(&self) -> &'static str {
        "openstack"
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let _node = self.nodes.hold(&spec.tag).await;
        self.project.ensure_node(spec).await
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        self.project.stop_node(tag).await
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        self.project.remove_node(tag).await
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        self.project.list_nodes().await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let _volume = self.volumes.hold(&spec.tag).await;
        self.project.ensure_volume(spec).await
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, _device: &str) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.project.attach_volume(volume, node).await
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.project.detach_volume(volume).await
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.project.remove_volume(volume).await
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.project.list_volumes().await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        self.project.console(tag).await
    }

    async fn check(&self) -> Vec<Finding> {
        self.project.check().await
    }

    async fn repair(&self, options: &RepairOptions<'_>) -> Vec<Finding> {
        self.project.repair(options).await
    }
}
