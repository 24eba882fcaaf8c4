//! How a node is recorded: what is looked at before it gets a number and an address.

use std::sync::Arc;

use super::super::inventory::NodeRecord;
use super::super::state::LocalState;
use super::settings::{LxcSettings, NODE_RESERVE};
use super::{network, node};
use crate::cloud::{CloudError, NodeSpec};
use crate::model::NodeTag;
use crate::sys::{blocking, chain, file};

/// The cloud in which a node is recorded.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) settings: &'a Arc<LxcSettings>,
    pub(super) state: &'a LocalState,
}

/// Records a node, once: one that is new needs room, and an address that nothing has any more.
pub(super) async fn record(cloud: Place<'_>, spec: &NodeSpec) -> Result<NodeRecord, CloudError> {
    if cloud.state.node(&spec.tag).await?.is_none() {
        check_room_for_node(cloud).await?;
    }
    end_strays(cloud, &spec.tag).await?;
    cloud.state.record_node(spec).await
}

/// What runs is not to be choked by one node more.
async fn check_room_for_node(cloud: Place<'_>) -> Result<(), CloudError> {
    let state = cloud.settings.state_directory.clone();
    let free = blocking(move || file::free_bytes(&state)).await;
    let free = free.map_err(|error| cloud.state.failed("look for free disk", chain(&error)))?;
    if free >= NODE_RESERVE {
        return Ok(());
    }
    let what = format!(
        "no room for a node, {} MB are free in {} and {} MB must stay free: remove nodes or volumes, or add disk",
        free >> 20,
        cloud.settings.state_directory.display(),
        NODE_RESERVE >> 20
    );
    Err(CloudError::Exhausted { cloud: cloud.settings.name.clone(), what })
}

/// Before an address is given: ends the containers of this state directory
/// that no record names, since one of them may have it.
pub(super) async fn end_strays(cloud: Place<'_>, tag: &NodeTag) -> Result<(), CloudError> {
    let of = tag.clone();
    if cloud.state.with_inventory(move |inventory| inventory.node(&of)).await.is_ok_and(|record| record.is_some()) {
        return Ok(());
    }
    let settings = Arc::clone(cloud.settings);
    let ended = cloud.state.with_inventory(move |inventory| {
        // Before the records: what runs now had one before it was started.
        let running = node::running(&settings);
        let records = inventory.nodes()?;
        Ok::<_, CloudError>(running.and_then(|running| node::end_strays(&settings, running, &records)))
    });
    for container in ended.await?.map_err(|reason| cloud.state.failed("end a container without a record", reason))? {
        tracing::error!(node.container = container, "ended a container that no record names");
        let fail = |reason| cloud.state.failed("end a container without a record", reason);
        network::remove_cable(&container).await.map_err(fail)?;
    }
    Ok(())
}
