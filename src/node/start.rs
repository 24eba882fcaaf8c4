//! The frame of a manager's or an agent's process: small, and stopped quickly.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use super::credentials::NodeCredentialsError;
use crate::clock::{self, Clock, ClockError, ClockSettings};
use crate::config::{ConfigError, NodeBase};
use crate::server::{self, Process, Threads, Thrift};
use crate::store::StoreError;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::task::Tasks;

/// One thread for all requests keeps a node's memory small; blocking work has a few threads of its own.
const PROCESS: Process = Process {
    prefix: "conpaas",
    threads: Threads {
        workers: None,
        blocking: NonZeroUsize::new(4),
        thrift: Some(Thrift { stack_bytes: 1024 * 1024, keep_alive: Duration::from_secs(2) }),
    },
    task_grace: Duration::from_millis(200),
    blocking_grace: Duration::from_millis(50),
};

/// Why a manager or an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its certificate.
    #[error(transparent)]
    Credentials(#[from] NodeCredentialsError),
    /// A directory or file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its port.
    #[error("cannot listen on {address}:{port}")]
    Listen {
        /// Address.
        address: Ipv4Addr,
        /// Port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What it should be is not built in.
    #[error("unknown agent type '{0}'")]
    UnknownType(String),
    /// What is built in cannot work here.
    #[error("the agent of a {kind} service cannot start: {reason}")]
    Kind {
        /// The kind's name.
        kind: &'static str,
        /// Why.
        reason: String,
    },
    /// The clock is wrong.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// Runs `start`, which sets a role up with tasks, then waits until the
/// process is asked to stop and stops the tasks. A failure to start is logged
/// too: nobody may see the standard error of a node.
pub(crate) fn run_until_stopped<F>(role: &'static str, prefix: &'static str, start: impl FnOnce(Tasks) -> F) -> ExitCode
where
    F: Future<Output = Result<(), NodeError>>,
{
    server::run(&Process { prefix, ..PROCESS }, async |tasks| {
        let started = start(tasks).await;
        if let Err(error) = &started {
            tracing::error!("{role} cannot run: {}", chain(error));
        }
        started.map(std::future::ready)
    })
}

/// Refuses to go on with a clock with which no certificate would be valid.
///
/// A node remembers no time of its own: what it once saw may have been wrong,
/// and nobody would put that right in it. Its machine remembers for it.
///
/// # Errors
/// It is wrong by more than a minute, or certainly in the past.
pub(crate) async fn check_clock(base: &NodeBase) -> Result<(), NodeError> {
    let settings = ClockSettings::new(base.time_servers.clone());
    let verdict = clock::enforce(&settings, &Clock::system()).await?;
    if let Some(warning) = verdict.warning() {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Makes the directories that both roles need. Blocking.
///
/// # Errors
/// One of them cannot be made.
pub(crate) fn ensure_directories(base: &NodeBase) -> Result<(), FileError> {
    let directories = [&base.etc, &base.var_tmp, &base.var_cache, &base.var_run, &base.conpaas_home];
    directories.into_iter().try_for_each(|directory| file::ensure_directory(&base.rooted(directory)))
}
