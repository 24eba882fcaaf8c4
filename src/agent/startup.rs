//! The user's startup script: run once in a node's life, before its agent listens.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use crate::config::NodeBase;
use crate::node::NodeError;
use crate::sys::file::{self, FileError};
use crate::sys::program;

/// The director waits about as long for an agent.
const LIMIT: Duration = Duration::from_secs(280);

/// Runs `/root/startup.sh` if the node has one and it has not ended before;
/// one that was broken off by a crash is run again. How it ends is logged;
/// it does not keep the agent from listening.
pub(crate) async fn run_once(base: &NodeBase) -> Result<(), NodeError> {
    let script = base.rooted("/root/startup.sh");
    let marker = base.rooted(&base.var_tmp).join("startup.done");
    if !script.is_file() || marker.exists() {
        return Ok(());
    }
    let home = base.rooted("/root");
    let open = |name: &str| {
        let path = home.join(name);
        OpenOptions::new().append(true).create(true).open(&path).map_err(|error| FileError::new("open", &path, error))
    };
    tracing::info!(target: "conpaas.core.agent", "Running the startup script");
    let outcome =
        program::run_into("bash", &[script.as_path()], &home, open("agent.out")?, open("agent.err")?, LIMIT).await;
    let text = match outcome {
        Ok(()) => "ended well".to_owned(),
        Err(error) => crate::sys::chain(&error),
    };
    tracing::info!(target: "conpaas.core.agent", "Startup script: {text}");
    file::write_atomic(Path::new(&marker), text.as_bytes(), 0o600)?;
    Ok(())
}
