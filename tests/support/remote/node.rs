//! Nodes and volumes that a test asks of the cloud itself.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use conpaas::cloud::{ContextError, ContextFile, NodeContext, NodeSpec, VolumeSpec};
use conpaas::model::NodeRole;

/// Every invitation is another one, as the director's are.
struct Numbered(AtomicU32);

#[async_trait]
impl NodeContext for Numbered {
    fn files(&self, _address: Ipv4Addr) -> Result<Vec<ContextFile>, ContextError> {
        Err(ContextError("no file can be placed in a node of a remote cloud".to_owned()))
    }

    async fn invitation(&self) -> Result<String, ContextError> {
        Ok(format!("#invitation {}\n", self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

/// An agent that is wanted.
pub(crate) fn node(tag: &str) -> NodeSpec {
    NodeSpec {
        tag: tag.parse().unwrap(),
        role: NodeRole::Agent,
        name: format!("conpaas-{tag}"),
        group: conpaas::model::NodeGroup(1),
        context: Arc::new(Numbered(AtomicU32::new(0))),
        instance_type: None,
        needs: conpaas::model::NodeNeeds::default(),
    }
}

/// A volume that is wanted, for a node or for whichever.
pub(crate) fn volume(tag: &str, size_mb: u64, node: Option<&str>) -> VolumeSpec {
    VolumeSpec {
        tag: tag.parse().unwrap(),
        name: format!("vol-{tag}"),
        size_mb,
        node: node.map(|node| node.parse().unwrap()),
    }
}
