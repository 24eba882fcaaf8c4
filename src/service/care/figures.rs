//! What the nodes of a service do, as their agents tell it.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::Care;
use crate::api::figures::{NodeFigures, ProxyFigures};
use crate::api::web::Performance;
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::store::manager::NodeRow;

/// An agent that takes longer is as good as dead.
const LIMIT: Duration = Duration::from_secs(3);
const AT_ONCE: usize = 16;
/// All figures of a node; what is longer is none.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// A node, and what its agent says; nothing if it does not answer.
#[derive(Debug, Clone)]
pub(crate) struct NodeState {
    /// The node.
    pub node: NodeRow,
    /// What it does.
    pub figures: Option<NodeFigures>,
}

/// Asks all `nodes` at once.
pub(crate) async fn ask_nodes(service: &ServiceContext, care: &Care, nodes: Vec<NodeRow>) -> Vec<NodeState> {
    let asked = nodes.into_iter().map(|node| async move {
        let call = RpcCall::get(0, care.figures).answered_within(MAX_ANSWER_BYTES);
        let figures = service.agents.call_within(LIMIT, &node, &call).await;
        if let Err(error) = &figures {
            tracing::debug!("{error}");
        }
        NodeState { figures: figures.ok(), node }
    });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// Returns what visitors get of all proxies together.
#[must_use]
pub(crate) fn performance(states: &[NodeState]) -> Performance {
    let proxies = states.iter().filter_map(|state| state.figures?.proxy).filter(|proxy| proxy.window_ms > 0);
    let (mut sum, mut n_requests, mut total_ms) = (Performance::default(), 0_u64, 0_u64);
    for proxy in proxies {
        sum.request_rate = sum.request_rate.saturating_add(per_second(proxy.n_requests, &proxy));
        sum.error_rate = sum.error_rate.saturating_add(per_second(proxy.n_failed, &proxy));
        sum.throughput = sum.throughput.saturating_add(per_second(proxy.n_bytes, &proxy));
        n_requests = n_requests.saturating_add(proxy.n_requests);
        total_ms = total_ms.saturating_add(proxy.total_ms);
    }
    sum.response_time = total_ms.checked_div(n_requests).unwrap_or_default();
    sum
}

/// Rounded, and never rounded to nothing.
fn per_second(count: u64, proxy: &ProxyFigures) -> u64 {
    let exact = count.saturating_mul(1000) as f64 / proxy.window_ms as f64;
    (exact.round() as u64).max(u64::from(count > 0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::figures::BackendFigures;
    use crate::service::web::plan::tests::node;

    pub(crate) fn states() -> Vec<NodeState> {
        let proxy = |n_requests, total_ms| ProxyFigures {
            window_ms: 10_000,
            n_requests,
            n_failed: n_requests / 10,
            n_bytes: n_requests * 100,
            total_ms,
            n_of_backends: n_requests / 2,
            total_of_backends_ms: total_ms,
        };
        let state = |id: &str, last, role, figures| NodeState { node: node(id, last, role), figures };
        let of_proxy = |n, ms| Some(NodeFigures { proxy: Some(proxy(n, ms)), backend: None });
        let backend = BackendFigures { n_connections: 2, n_waiting: 1 };
        vec![
            state("a1", 2, "proxy", of_proxy(300, 6000)),
            state("a2", 3, "proxy", of_proxy(100, 2000)),
            state("a3", 4, "backend", Some(NodeFigures { proxy: None, backend: Some(backend) })),
            state("a4", 5, "backend", None),
        ]
    }

    #[test]
    fn what_all_proxies_do_is_one_sum() {
        let expected = Performance { request_rate: 40, error_rate: 4, throughput: 4000, response_time: 20 };
        assert_eq!(performance(&states()), expected);
        assert_eq!(performance(&[]), Performance::default());
    }

    #[test]
    fn a_rare_request_is_not_rounded_away_and_a_strange_agent_breaks_nothing() {
        let mut states = states();
        states[0].figures = Some(NodeFigures {
            proxy: Some(ProxyFigures { window_ms: 10_000, n_requests: 1, ..ProxyFigures::default() }),
            backend: None,
        });
        states.truncate(1);
        assert_eq!(performance(&states).request_rate, 1);
        let most = ProxyFigures { window_ms: 1, n_requests: u64::MAX, total_ms: u64::MAX, ..ProxyFigures::default() };
        states[0].figures = Some(NodeFigures { proxy: Some(most), backend: None });
        states.push(states[0].clone());
        assert_eq!(performance(&states).response_time, 1);
    }
}
