//! `conpaas director stop-nodes`: leaves nothing of the nodes running, and keeps all that they hold.
//!
//! For what comes after the director's own end: its package is removed, or
//! the disk that holds its nodes is taken away. And for the moment in which an
//! administrator wants quiet beside a director that runs: a mark in the state
//! directory keeps it from starting them again. `conpaas director start-nodes`
//! and the next start of the director take the mark away. What the director
//! wants does not change.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cloud::{Cloud, CloudError};
use crate::config::DirectorConfig;
use crate::director::clouds::Clouds;
use crate::pki::Authority;
use crate::sys::chain;
use crate::sys::file::{self, FileError};

/// What was done, for people.
#[derive(Debug, Default)]
pub(crate) struct StopReport {
    /// One line for each node that ran.
    pub stopped: Vec<String>,
    /// One line for each failure.
    pub failures: Vec<String>,
}

/// The wish that stopped nodes stay stopped, beside the records of their clouds.
#[derive(Debug)]
pub(crate) struct StopMark {
    path: PathBuf,
    is_told: AtomicBool,
}

impl StopMark {
    pub(crate) fn new(state_dir: &Path) -> StopMark {
        StopMark { path: state_dir.join("nodes-stopped"), is_told: AtomicBool::new(false) }
    }

    /// Whether nodes are to stay stopped; the log says so once.
    pub(crate) fn is_set(&self) -> bool {
        let is_set = self.path.exists();
        if is_set && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "nodes stay stopped, as 'conpaas director stop-nodes' asked, until 'conpaas director start-nodes'"
            );
        } else if !is_set {
            self.is_told.store(false, Ordering::Relaxed);
        }
        is_set
    }

    /// Lets nodes be started again; returns whether they were not. Blocking.
    pub(crate) fn take_back(&self) -> Result<bool, FileError> {
        let is_set = self.path.exists();
        file::ensure_absent(&self.path)?;
        Ok(is_set)
    }

    /// An empty file takes no room of a full disk.
    fn set(&self) -> Result<(), FileError> {
        file::ensure_passable_directory(self.path.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(&self.path, "").map_err(|source| FileError::new("write", &self.path, source))
    }
}

/// Ends the nodes of all clouds, and goes on after a failure.
pub(crate) async fn stop_nodes(director_cfg: &Path) -> StopReport {
    let mut report = StopReport::default();
    let config = match DirectorConfig::read(director_cfg) {
        Ok(config) => config,
        Err(error) => {
            report.failures.push(chain(&error));
            return report;
        }
    };
    let clouds = match clouds_of(&config) {
        Ok(clouds) => clouds,
        Err(error) => {
            report.failures.push(chain(&error));
            return report;
        }
    };
    if let Err(error) = StopMark::new(&config.state_dir).set() {
        report.failures.push(format!("a director that runs starts the nodes again: {}", chain(&error)));
    }
    // A director that runs may have begun to start one of them before the mark was there.
    for _ in 0..2 {
        for cloud in clouds.all() {
            stop_nodes_of(cloud.as_ref(), &mut report).await;
        }
    }
    report.failures.sort();
    report.failures.dedup();
    report
}

/// Lets a director that runs start the nodes again; returns whether they were stopped. Blocking.
///
/// # Errors
/// The configuration or its state directory cannot be used, in words.
pub(crate) fn start_nodes(director_cfg: &Path) -> Result<bool, String> {
    let config = DirectorConfig::read(director_cfg).map_err(|error| chain(&error))?;
    StopMark::new(&config.state_dir).take_back().map_err(|error| chain(&error))
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
