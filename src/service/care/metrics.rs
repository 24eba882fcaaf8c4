//! The figures of services as text for Prometheus.

use std::fmt::Write;

use super::figures::{NodeState, performance};
use crate::api::figures::NodeFigures;
use crate::model::{ApplicationId, ServiceId, State};
use crate::store::manager::NodeRow;

/// A service and its nodes.
#[derive(Debug)]
pub(crate) struct MetricsOf {
    /// The application.
    pub application: ApplicationId,
    /// The service.
    pub service: ServiceId,
    /// The name of its kind.
    pub kind: &'static str,
    /// Where it stands.
    pub state: State,
    /// Its nodes.
    pub nodes: Vec<NodeState>,
}

/// One figure of nodes: its name, what it means, and where it is.
type NodeFigure = (&'static str, &'static str, fn(&NodeState) -> Option<f64>);
/// One figure of a service.
type ServiceFigure = (&'static str, &'static str, fn(&MetricsOf) -> u64);

const OF_SERVICES: &[ServiceFigure] = &[
    ("conpaas_service_running", "Whether the service works.", |of| u64::from(of.state.can_show_nodes())),
    ("conpaas_service_nodes", "Nodes of the service.", |of| of.nodes.len() as u64),
    ("conpaas_requests_per_second", "Requests of visitors, over the last seconds.", |of| {
        performance(&of.nodes).request_rate
    }),
    ("conpaas_errors_per_second", "Requests that failed, over the last seconds.", |of| {
        performance(&of.nodes).error_rate
    }),
    ("conpaas_throughput_bytes_per_second", "Bytes of answers, over the last seconds.", |of| {
        performance(&of.nodes).throughput
    }),
    ("conpaas_response_time_milliseconds", "Time until an answer, the mean of the last seconds.", |of| {
        performance(&of.nodes).response_time
    }),
];

const OF_NODES: &[NodeFigure] = &[
    ("conpaas_node_up", "Whether the agent of the node answers.", |node| {
        Some(if node.figures.is_some() { 1.0 } else { 0.0 })
    }),
    ("conpaas_node_requests_per_second", "Requests of visitors at a proxy.", |node| {
        let proxy = node.figures?.proxy.filter(|proxy| proxy.window_ms > 0)?;
        Some(proxy.n_requests as f64 * 1000.0 / proxy.window_ms as f64)
    }),
    ("conpaas_node_backend_connections", "Connections at a backend.", |node| {
        backend(node.figures).map(|backend| backend.n_connections as f64)
    }),
    ("conpaas_node_backend_waiting", "Connections that wait at a backend.", |node| {
        backend(node.figures).map(|backend| backend.n_waiting as f64)
    }),
];

/// Writes the figures of services.
#[must_use]
pub(crate) fn render(services: &[MetricsOf]) -> String {
    let mut text = String::new();
    for (name, meaning, figure) in OF_SERVICES {
        head(&mut text, name, meaning);
        for of in services {
            line(&mut text, name, &labels(of), figure(of) as f64);
        }
    }
    for (name, meaning, figure) in OF_NODES {
        head(&mut text, name, meaning);
        for (of, node) in services.iter().flat_map(|of| of.nodes.iter().map(move |node| (of, node))) {
            if let Some(value) = figure(node) {
                line(&mut text, name, &(labels(of) + &node_labels(&node.node)), value);
            }
        }
    }
    text
}

fn backend(figures: Option<NodeFigures>) -> Option<crate::api::figures::BackendFigures> {
    figures?.backend
}

fn head(text: &mut String, name: &str, meaning: &str) {
    let _a_string_takes_all = write!(text, "# HELP {name} {meaning}\n# TYPE {name} gauge\n");
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let _a_string_takes_all = writeln!(text, "{name}{{{labels}}} {value}");
}

/// Names and numbers of ConPaaS's own, in which nothing is to be escaped.
fn labels(of: &MetricsOf) -> String {
    format!("application=\"{}\",service=\"{}\",kind=\"{}\"", of.application, of.service, of.kind)
}

fn node_labels(node: &NodeRow) -> String {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control() && !"\"\\".contains(*c)).collect::<String>();
    format!(",node=\"{}\",role=\"{}\"", plain(&node.view.id), plain(&node.role))
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::states;
    use super::*;

    #[test]
    fn figures_are_text_that_prometheus_reads() {
        let of = MetricsOf {
            application: ApplicationId(3),
            service: ServiceId(1),
            kind: "php",
            state: State::Running,
            nodes: states(),
        };
        let text = render(&[of]);
        for line in [
            "# TYPE conpaas_requests_per_second gauge",
            "conpaas_requests_per_second{application=\"3\",service=\"1\",kind=\"php\"} 40",
            "conpaas_response_time_milliseconds{application=\"3\",service=\"1\",kind=\"php\"} 20",
            "conpaas_node_up{application=\"3\",service=\"1\",kind=\"php\",node=\"a4\",role=\"backend\"} 0",
            "conpaas_node_requests_per_second{application=\"3\",service=\"1\",kind=\"php\",node=\"a2\",role=\"proxy\"} 10",
            "conpaas_node_backend_waiting{application=\"3\",service=\"1\",kind=\"php\",node=\"a3\",role=\"backend\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
