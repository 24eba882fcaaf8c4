//! How a node is recorded: what is looked at before it gets a number and an address.

use std::sync::Arc;

use super::super::inventory::NodeRecord;
use super::settings::NODE_RESERVE;
use super::{LxcCloud, network, node};
use crate::cloud::{CloudError, NodeSpec};
use crate::model::NodeTag;
use crate::sys::{blocking, chain, file};

impl LxcCloud {
    /// Records a node, once: one that is new needs room, and an address that nothing has any more.
    pub(super) async fn record(&self, spec: &NodeSpec) -> Result<NodeRecord, CloudError> {
        if self.state.node(&spec.tag).await?.is_none() {
            self.check_room_for_node().await?;
        }
        self.end_strays(&spec.tag).await?;
        self.state.record_node(spec).await
    }

    /// What runs is not to be choked by one node more.
    async fn check_room_for_node(&self) -> Result<(), CloudError> {
        let state = self.settings.state_directory.clone();
        let free = blocking(move || file::free_bytes(&state)).await;
        let free = free.map_err(|error| self.state.failed("look for free disk", chain(&error)))?;
        if free >= NODE_RESERVE {
            return Ok(());
        }
        let what = format!(
            "no room for a node, {} MB are free in {} and {} MB must stay free: remove nodes or volumes, or add disk",
            free >> 20,
            self.settings.state_directory.display(),
            NODE_RESERVE >> 20
        );
        Err(CloudError::Exhausted { cloud: self.settings.name.clone(), what })
    }

    /// Before an address is given: ends the containers of this state directory
    /// that no record names, since one of them may have it.
    pub(super) async fn end_strays(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let of = tag.clone();
        if self.state.with_inventory(move |inventory| inventory.node(&of)).await.is_ok_and(|record| record.is_some()) {
            return Ok(());
        }
        let settings = Arc::clone(&self.settings);
        let ended = self.state.with_inventory(move |inventory| {
            // Before the records: what runs now had one before it was started.
            let running = node::running(&settings);
            let records = inventory.nodes()?;
            Ok::<_, CloudError>(running.and_then(|running| node::end_strays(&settings, running, &records)))
        });
        for container in ended.await?.map_err(|reason| self.state.failed("end a container without a record", reason))? {
            tracing::error!(node.container = container, "ended a container that no record names");
            let fail = |reason| self.state.failed("end a container without a record", reason);
            network::remove_cable(&container).await.map_err(fail)?;
        }
        Ok(())
    }
}
