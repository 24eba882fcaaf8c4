//! What the nodes of a service use, as their agents tell it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::api::node_metrics::{MAX_POINTS, MetricsOfNode, NodeMetrics, ServiceMetrics};
use crate::manager::core::Manager;
use crate::model::ServiceId;
use crate::rpc::RpcCall;
use crate::service::{Call, MethodError, Reply};
use crate::store::manager::{self as store, NodePhase, NodeRow};

/// An agent that takes longer is as good as dead.
const LIMIT: Duration = Duration::from_secs(3);
const AT_ONCE: usize = 16;
/// All points of a node take 20 KB.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Answers what the nodes of a service used during the last minutes; of service 0 all nodes of the application.
pub(crate) async fn get_node_metrics(manager: Arc<Manager>, sid: ServiceId, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let filter = (sid != ServiceId::MANAGER).then_some(sid);
    let mut nodes = manager.store.read(move |tx| store::list_nodes(tx, filter)).await?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    let asked = nodes.into_iter().map(|node| async {
        let metrics = ask(&manager, &node).await.ok();
        MetricsOfNode { id: node.view.id, ip: node.view.ip, metrics }
    });
    let nodes = stream::iter(asked).buffered(AT_ONCE).collect().await;
    Ok(Reply::of(&ServiceMetrics { nodes }))
}

async fn ask(manager: &Arc<Manager>, node: &NodeRow) -> Result<NodeMetrics, MethodError> {
    let service = manager.find_service(node.sid).await?;
    let service = service.ok_or_else(|| MethodError::refused("Service not found"))?;
    let call = RpcCall::get(0, "get_node_metrics").answered_within(MAX_ANSWER_BYTES);
    let mut metrics: NodeMetrics = service.context.agents.call_within(LIMIT, node, &call).await?;
    // Whatever its agent says.
    metrics.points.truncate(MAX_POINTS);
    Ok(metrics)
}
