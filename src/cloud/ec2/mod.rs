//! Nodes as instances of EC2, volumes of EBS; or of any cloud that speaks
//! EC2's Query API.
//!
//! # Guarantees
//! - Everything carries tags when it is made: `conpaas-director` (of which
//!   director), `conpaas-cloud` (of which section of its configuration) and
//!   `conpaas-node` or `conpaas-volume` (which one). By these it is found again.
//! - What is made carries a client token made of its tag, so that a repeated
//!   call, also after a crash, makes nothing twice.
//! - An instance is told an invitation, no key (see [`crate::cloud::NodeContext`]).
//!
//! # Assumptions
//! - The image runs `conpaas join --run` when it boots.
//! - The security group lets managers and agents be reached (`check` looks).
//!
//! # Caveats
//! - A volume is in one zone: it is made in that of the node that it is for.
//! - A volume that a program in the node uses stays attached until it is let go.

mod account;
mod check;
mod error_text;
mod ids;
mod node;
mod query;
mod responses;
mod volume;

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use self::account::Account;
use self::query::{Params, Query};
use self::responses::GetConsoleOutput;
use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, NodeSpec, VolumeSpec};
use crate::config::Ec2Config;
use crate::model::Finding;
use crate::model::{CloudName, NodeTag, VolumeTag};
use crate::sys::chain;
use crate::task::keyed_lock::KeyedLocks;

/// Instances and volumes of one account in one region.
pub struct Ec2Cloud {
    account: Arc<Account>,
    nodes: KeyedLocks<NodeTag>,
    volumes: KeyedLocks<VolumeTag>,
}

impl Ec2Cloud {
    /// A cloud of the director `director` (a word that no other director has).
    /// Asks nobody yet. Blocking.
    ///
    /// # Errors
    /// This machine trusts no authority by which the API could be known.
    pub fn new(name: &CloudName, config: &Ec2Config, director: &str) -> Result<Ec2Cloud, CloudError> {
        let query = Query::new(config).map_err(|error| CloudError::Failed {
            cloud: name.clone(),
            action: "be set up".to_owned(),
            reason: chain(&error),
        })?;
        let account = Account { name: name.clone(), director: director.to_owned(), config: config.clone(), query };
        Ok(Ec2Cloud { account: Arc::new(account), nodes: KeyedLocks::default(), volumes: KeyedLocks::default() })
    }
}

#[async_trait]
impl Cloud for Ec2Cloud {
    fn name(&self) -> &CloudName {
        &self.account.name
    }

    fn driver(&self) -> &'static str {
        "ec2"
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let _node = self.nodes.hold(&spec.tag).await;
        self.account.ensure_node(spec).await
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        self.account.stop_node(tag).await
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let _node = self.nodes.hold(tag).await;
        self.account.remove_node(tag).await
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        self.account.list_nodes().await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let _volume = self.volumes.hold(&spec.tag).await;
        self.account.ensure_volume(spec).await
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.account.attach_volume(volume, node, device).await
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.account.detach_volume(volume).await
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let _volume = self.volumes.hold(volume).await;
        self.account.remove_volume(volume).await
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        self.account.list_volumes().await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        let Ok(instances) = self.account.instances(tag).await else { return String::new() };
        let Some(instance) = instances.first() else { return String::new() };
        let params = Params::new().set("InstanceId", &instance.instance_id);
        // Only newer types of instances give what they say now; all give what they said at their start.
        let newest: Result<GetConsoleOutput, _> =
            self.account.query.call("GetConsoleOutput", &params.clone().set("Latest", "true")).await;
        let output = match newest {
            Ok(output) => output,
            Err(_) => match self.account.query.call::<GetConsoleOutput>("GetConsoleOutput", &params).await {
                Ok(output) => output,
                Err(_) => return String::new(),
            },
        };
        let bytes = STANDARD.decode(output.output.split_whitespace().collect::<String>()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn check(&self) -> Vec<Finding> {
        self.account.check().await
    }
}
