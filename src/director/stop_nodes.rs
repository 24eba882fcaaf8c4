//! `conpaas director stop-nodes`: leaves nothing of the nodes running, and keeps all that they hold.
//!
//! For what comes after the director's own end: its package is removed, or
//! the disk that holds its nodes is taken away. What the director wants does
//! not change: one that starts, or still runs, starts the nodes again.

use std::path::Path;

use super::clouds::Clouds;
use crate::config::DirectorConfig;
use crate::sys::chain;

/// What was done, for people.
#[derive(Debug, Default)]
pub struct StopReport {
    /// One line for each node that ran.
    pub stopped: Vec<String>,
    /// One line for each failure.
    pub failures: Vec<String>,
}

/// Ends the nodes of all clouds, and goes on after a failure.
///
/// # Errors
/// The configuration is wrong, or a cloud cannot be set up.
pub async fn stop_nodes(director_cfg: &Path) -> anyhow::Result<StopReport> {
    let config = DirectorConfig::read(director_cfg)?;
    let mut report = StopReport::default();
    for cloud in Clouds::new(&config)?.all() {
        let nodes = match cloud.list_nodes().await {
            Ok(nodes) => nodes,
            Err(error) => {
                report.failures.push(chain(&error));
                continue;
            }
        };
        for node in nodes {
            match cloud.stop_node(&node.tag).await {
                Ok(()) if node.is_running => report.stopped.push(format!("stopped {} {}", cloud.name(), node.vmid)),
                Ok(()) => {}
                Err(error) => report.failures.push(chain(&error)),
            }
        }
    }
    Ok(report)
}
