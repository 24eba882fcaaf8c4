//! `metrics`: what the nodes of a service use.

use async_trait::async_trait;
use clap::Args;
use serde::Serialize;

use crate::api::node_metrics::MetricsOfNode;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::cli::output::table::table;
use crate::client::error::Failure;
use crate::client::lookup;

const COLUMNS: [&str; 9] = ["node", "ip", "cpu", "memory", "of", "tasks", "read/s", "written/s", "disk"];

/// Which nodes are shown.
#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Name or identifier of an application
    app_name_or_id: String,
    /// Name or identifier of a service
    serv_name_or_id: String,
}

/// A node as people see it.
#[derive(Serialize)]
struct Row {
    node: String,
    ip: String,
    cpu: String,
    memory: String,
    of: String,
    tasks: String,
    #[serde(rename = "read/s")]
    read: String,
    #[serde(rename = "written/s")]
    written: String,
    disk: String,
}

#[async_trait(?Send)]
impl Action for Metrics {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let found = lookup::service(&run.session, None, &self.app_name_or_id, &self.serv_name_or_id).await?;
        let nodes = run.session.node_metrics(&found).await?;
        let rows: Vec<Row> = nodes.iter().map(row).collect();
        let text = if rows.is_empty() { "No existing nodes".to_owned() } else { table(&COLUMNS, &rows) };
        Ok(Reply::line(text, &nodes))
    }
}

/// What is not known, as of a node that does not answer or has just begun, is `-`.
fn row(node: &MetricsOfNode) -> Row {
    let metrics = node.metrics.as_ref();
    let point = metrics.and_then(|metrics| metrics.points.last());
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    Row {
        node: node.id.clone(),
        ip: node.ip.clone(),
        cpu: shown(point.map(|point| format!("{}%", point.cpu_percent))),
        memory: shown(point.map(|point| bytes(point.memory))),
        of: shown(metrics.and_then(|metrics| metrics.memory_limit).map(bytes)),
        tasks: shown(point.and_then(|point| point.tasks).map(|tasks| tasks.to_string())),
        read: shown(point.map(|point| bytes(point.read_rate))),
        written: shown(point.map(|point| bytes(point.write_rate))),
        disk: shown(point.map(|point| bytes(point.disk_used))),
    }
}

fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::node_metrics::{NodeMetrics, NodePoint};

    #[test]
    fn the_newest_look_is_shown_and_what_is_not_known_is_a_dash() {
        let last = NodePoint { cpu_percent: 7, memory: 3 << 20, tasks: Some(9), ..NodePoint::default() };
        let points = vec![NodePoint::default(), last];
        let metrics = NodeMetrics { memory_limit: Some(1 << 30), disk_size: 1, points };
        let node = |metrics| MetricsOfNode { id: "iaas1".to_owned(), ip: "10.0.0.2".to_owned(), metrics };
        let text = table(&COLUMNS, &[row(&node(Some(metrics))), row(&node(None))]);
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[2], "iaas1 10.0.0.2 7% 3.00 MiB 1.00 GiB 9 0 B 0 B 0 B");
        assert_eq!(lines[3], "iaas1 10.0.0.2 - - - - - - -");
    }
}
