//! How a code version comes from the manager to the nodes.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::enable::{EnableCode, activate};
use super::versions::deployment;
use crate::service::context::ServiceContext;
use crate::service::manager_side::WorkError;
use crate::store::manager::NodeRow;

/// Sending an archive to a Pi and unpacking it there takes its time.
const LIMIT: Duration = Duration::from_secs(600);
/// Agents that are sent code at once: each holds a connection and reads the same file.
const AT_ONCE: usize = 4;

/// Gives agents a code version, by default the active one, by their method `update_code`.
///
/// # Errors
/// There is no such version, or some agents did not take it.
pub(crate) async fn update_code(
    service: &ServiceContext,
    nodes: &[NodeRow],
    version: Option<&str>,
) -> Result<(), WorkError> {
    let deployment = deployment(service, version).await?;
    let call = deployment.call();
    let _nothing_to_say: Vec<IgnoredAny> = service.agents.call_many(LIMIT, AT_ONCE, nodes, |_| call.clone()).await?;
    Ok(())
}

/// Does what `enable_code` asked for: all nodes get the version, then it is the active one.
///
/// # Errors
/// Some agents did not take it; it is not active then.
pub(crate) async fn enable_on_nodes(service: &ServiceContext, enable: &EnableCode) -> Result<(), WorkError> {
    let nodes = service.nodes().await?;
    update_code(service, &nodes, Some(&enable.version)).await?;
    activate(service, &enable.version).await
}

/// Gives all nodes the active version again, as well as that can be done.
pub(crate) async fn restore_active(service: &ServiceContext) {
    let Ok(nodes) = service.nodes().await else { return };
    if let Err(error) = update_code(service, &nodes, None).await {
        tracing::warn!("some agents may not have the active code: {error}");
    }
}
