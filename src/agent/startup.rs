//! The user's startup script: run once in a node's life, before its agent listens.
//!
//! What it prints goes where the agent's own output goes: to the node's console.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
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
    let (stdout, stderr) = (console(&io::stdout(), &script)?, console(&io::stderr(), &script)?);
    tracing::info!(target: "conpaas.core.agent", "Running the startup script");
    let outcome = program::run_into("bash", &[script.as_path()], &home, stdout, stderr, LIMIT).await;
    let text = match outcome {
        Ok(()) => "ended well".to_owned(),
        Err(error) => crate::sys::chain(&error),
    };
    tracing::info!(target: "conpaas.core.agent", "Startup script: {text}");
    file::write_atomic(Path::new(&marker), text.as_bytes(), 0o600)?;
    Ok(())
}

/// Returns this process's own stream for the script.
fn console(stream: &impl AsFd, script: &Path) -> Result<File, FileError> {
    let fail = |error| FileError::new("print the output of", script, error);
    Ok(File::from(stream.as_fd().try_clone_to_owned().map_err(fail)?))
}
