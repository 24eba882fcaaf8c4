//! The frame of a manager's or an agent's process: small, and stopped quickly.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use super::credentials::NodeCredentialsError;
use crate::clock::{self, Clock, ClockError, ClockSettings};
use crate::config::{ConfigError, NodeBase};
use crate::store::StoreError;
use crate::sys::file::{self, FileError};
use crate::task::{Tasks, stop_requested};

const STOP_GRACE: Duration = Duration::from_millis(200);

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
    /// The signal handlers or the runtime.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The clock is wrong.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// Runs `start`, which sets a role up with tasks, then waits until the
/// process is asked to stop and stops the tasks. A failure is one line on
/// standard error, and exit code 1.
pub(crate) fn run_until_stopped<F>(role: &'static str, start: impl FnOnce(Tasks) -> F) -> ExitCode
where
    F: Future<Output = Result<(), NodeError>>,
{
    crate::rpc::install_crypto();
    // One thread for all requests keeps a node's memory small; blocking work has a few threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_stack_size(1024 * 1024)
        .thread_keep_alive(Duration::from_secs(2))
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(start));
            runtime.shutdown_timeout(Duration::from_millis(50));
            outcome
        }
        Err(source) => Err(NodeError::System { action: "start the runtime", source }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = crate::sys::chain(&error);
            tracing::error!("{role} cannot run: {text}");
            eprintln!("conpaas {role}: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn run<F>(start: impl FnOnce(Tasks) -> F) -> Result<(), NodeError>
where
    F: Future<Output = Result<(), NodeError>>,
{
    let tasks = Tasks::new();
    let system = |source| NodeError::System { action: "wait for signals", source };
    let stop = stop_requested();
    tokio::pin!(stop);
    tokio::select! {
        started = start(tasks.clone()) => started?,
        stopped = &mut stop => return stopped.map_err(system),
    }
    stop.await.map_err(system)?;
    if !tasks.stop(STOP_GRACE).await {
        tracing::warn!("some tasks did not stop in time");
    }
    Ok(())
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
