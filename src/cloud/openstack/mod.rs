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
mod check;
mod error_text;
mod names;
mod node;
mod repair;
mod responses;
mod session;
mod volume;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use self::names::Known;
use self::session::{CallError, Session};
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, NodeSpec, RepairOptions, VolumeSpec};
use crate::config::OpenStackConfig;
use crate::model::Finding;
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::task::keyed_lock::KeyedLocks;

const OF_DIRECTOR: &str = "conpaas-director";
const OF_CLOUD: &str = "conpaas-cloud";
const OF_NODE: &str = "conpaas-node";
const OF_VOLUME: &str = "conpaas-volume";
const OF_ROLE: &str = "conpaas-role";

/// Servers and volumes of one project.
pub struct OpenStackCloud {
    project: Arc<Project>,
    nodes: KeyedLocks<NodeTag>,
    volumes: KeyedLocks<VolumeTag>,
}

/// Where all of it is, and how it is asked.
struct Project {
    name: CloudName,
    director: String,
    config: OpenStackConfig,
    session: Session,
    known: Known,
    /// Two nodes must not take the same free address.
    taking: tokio::sync::Mutex<()>,
}

impl OpenStackCloud {
    /// A cloud of the director `director` (a word that no other director has).
    /// Asks nobody yet. Blocking.
    ///
    /// # Errors
    /// The authorities that are to be trusted cannot be read.
    pub fn new(name: &CloudName, config: &OpenStackConfig, director: &str) -> Result<OpenStackCloud, CloudError> {
        let session = Session::new(config).map_err(|reason| CloudError::Failed {
            cloud: name.clone(),
            action: "be set up".to_owned(),
            reason,
        })?;
        let project = Project {
            name: name.clone(),
            director: director.to_owned(),
            config: config.clone(),
            session,
            known: Known::default(),
            taking: tokio::sync::Mutex::new(()),
        };
        Ok(OpenStackCloud { project: Arc::new(project), nodes: KeyedLocks::default(), volumes: KeyedLocks::default() })
    }
}

impl Project {
    fn explain(&self, action: &str, error: &CallError) -> CloudError {
        error_text::explain(&self.name, &self.config, action, error)
    }

    fn failed(&self, action: &str, reason: impl Into<String>) -> CloudError {
        CloudError::Failed { cloud: self.name.clone(), action: action.to_owned(), reason: reason.into() }
    }

    /// What all servers of this director are tagged with; nova takes 60 characters.
    fn tag(&self) -> String {
        format!("conpaas-{}", self.director)
    }

    fn metadata(&self, more: &[(&str, &str)]) -> serde_json::Value {
        let mut all = serde_json::Map::new();
        for (key, value) in [(OF_DIRECTOR, self.director.as_str()), (OF_CLOUD, self.name.as_str())].iter().chain(more) {
            all.insert((*key).to_owned(), (*value).into());
        }
        all.into()
    }

    /// The tag in the metadata of something; none if it is not of this director and this cloud.
    fn own_tag<T: FromStr>(&self, metadata: &BTreeMap<String, String>, key: &str) -> Option<T> {
        let is = |key: &str, value: &str| metadata.get(key).is_some_and(|found| found == value);
        if !is(OF_DIRECTOR, &self.director) || !is(OF_CLOUD, self.name.as_str()) {
            return None;
        }
        metadata.get(key)?.parse().ok()
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
