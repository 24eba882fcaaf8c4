//! `conpaas director stop-nodes`: leaves nothing of the nodes running, and keeps all that they hold.
//!
//! For what comes after the director's own end: its package is removed, or
//! the disk that holds its nodes is taken away. What the director wants does
//! not change: one that starts, or still runs, starts the nodes again.

use std::path::Path;

use crate::cloud::{Cloud, CloudError};
use crate::config::DirectorConfig;
use crate::director::clouds::Clouds;
use crate::pki::Authority;
use crate::sys::chain;

/// What was done, for people.
#[derive(Debug, Default)]
pub(crate) struct StopReport {
    /// One line for each node that ran.
    pub stopped: Vec<String>,
    /// One line for each failure.
    pub failures: Vec<String>,
}

/// Ends the nodes of all clouds, and goes on after a failure.
pub(crate) async fn stop_nodes(director_cfg: &Path) -> StopReport {
    let mut report = StopReport::default();
    let clouds = DirectorConfig::read(director_cfg).map_err(|error| chain(&error));
    match clouds.and_then(|config| clouds_of(&config).map_err(|error| chain(&error))) {
        Ok(clouds) => {
            for cloud in clouds.all() {
                stop_nodes_of(cloud.as_ref(), &mut report).await;
            }
        }
        Err(failure) => report.failures.push(failure),
    }
    report
}

/// Without an authority nothing is found in remote clouds, but on this machine.
fn clouds_of(config: &DirectorConfig) -> Result<Clouds, CloudError> {
    let authority = Authority::load(&config.cert_dir);
    Clouds::new(config, authority.as_ref().map_or("", Authority::certificate_pem))
}

async fn stop_nodes_of(cloud: &dyn Cloud, report: &mut StopReport) {
    let nodes = match cloud.list_nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return report.failures.push(chain(&error)),
    };
    for node in nodes {
        match cloud.stop_node(&node.tag).await {
            Ok(()) if node.is_running => report.stopped.push(format!("stopped {} {}", cloud.name(), node.vmid)),
            Ok(()) => {}
            Err(error) => report.failures.push(chain(&error)),
        }
    }
}
