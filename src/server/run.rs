//! The frame of a process that stays: started, ready, asked to stop, stopped.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::notify;
use super::runtime::Threads;
use crate::rpc::install_crypto;
use crate::sys::{blocking, chain, code_memory};
use crate::task::{Tasks, stop_requested};

/// After so long a process has begun its usual work.
const SETTLED: Duration = Duration::from_secs(2);

/// What differs from one process to the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    /// Stands before the line by which it says why it cannot run.
    pub prefix: &'static str,
    /// Its threads.
    pub threads: Threads,
    /// How long its tasks may take to stop.
    pub task_grace: Duration,
    /// How long blocking work may take after that.
    pub blocking_grace: Duration,
}

/// Why a process ended that should have stayed.
type Failure = Box<dyn Error + Send + Sync>;

/// Runs a process until it is asked to stop (`SIGTERM`, `SIGINT`), also in the
/// middle of its start.
///
/// `start` sets the process up with its tasks. When it is through, the
/// process is ready; what it returns is carried out at the end, after the
/// tasks have stopped. A failure is one line on standard error, and exit code 1.
pub(crate) fn run<S, E, L>(process: &Process, start: impl FnOnce(Tasks) -> S) -> ExitCode
where
    S: Future<Output = Result<L, E>>,
    L: Future<Output = ()>,
    E: Into<Failure>,
{
    install_crypto();
    match try_run(process, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", process.prefix, chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn try_run<S, E, L>(process: &Process, start: impl FnOnce(Tasks) -> S) -> Result<(), Failure>
where
    S: Future<Output = Result<L, E>>,
    L: Future<Output = ()>,
    E: Into<Failure>,
{
    let runtime = process.threads.build().map_err(|error| context("cannot start", &error))?;
    let tasks = Tasks::new();
    let outcome = runtime.block_on(async {
        let stop = stop_requested();
        tokio::pin!(stop);
        serve(&tasks, start, stop, process.task_grace).await
    });
    runtime.shutdown_timeout(process.blocking_grace);
    outcome
}

async fn serve<S, E, L>(
    tasks: &Tasks,
    start: impl FnOnce(Tasks) -> S,
    mut stop: impl Future<Output = io::Result<()>> + Unpin,
    grace: Duration,
) -> Result<(), Failure>
where
    S: Future<Output = Result<L, E>>,
    L: Future<Output = ()>,
    E: Into<Failure>,
{
    let no_signals = |error: io::Error| context("cannot wait for signals", &error);
    let last = tokio::select! {
        // Signals first: one that comes while the process starts is a request to stop, too.
        biased;
        stopped = &mut stop => return stopped.map_err(no_signals),
        started = start(tasks.clone()) => started.map_err(Into::into)?,
    };
    tasks.spawn("watchdog", notify::watchdog(tasks.stopping()));
    tasks.spawn("give back the code of the start", give_back_code(tasks.stopping()));
    notify::ready();
    stop.await.map_err(no_signals)?;
    notify::stopping();
    if !tasks.stop(grace).await {
        tracing::info!("stopping in the middle of work; the next start takes it up");
    }
    last.await;
    Ok(())
}

/// Waits until whoever waited for this process has his first answers, which run much of the same code.
async fn give_back_code(stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(SETTLED) => {
            if let Err(error) = blocking(code_memory::give_back).await {
                tracing::debug!("the code of the start stays in memory: {error}");
            }
        }
    }
}

fn context(what: &str, error: &io::Error) -> Failure {
    format!("{what}: {error}").into()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn tasks_stop_before_the_last_work_is_done() {
        let tasks = Tasks::new();
        let (seen, ask_to_stop) = (Arc::new(Mutex::new(Vec::new())), tokio::sync::Notify::new());
        let at = |text: &'static str| {
            let seen = Arc::clone(&seen);
            move || seen.lock().unwrap().push(text)
        };
        let (stopped, last) = (at("a task stopped"), at("the last work"));
        let start = async |tasks: Tasks| {
            let stopping = tasks.stopping();
            tasks.spawn("one", async move {
                stopping.cancelled().await;
                stopped();
            });
            ask_to_stop.notify_one();
            Ok::<_, io::Error>(async move { last() })
        };
        let stop = Box::pin(async {
            ask_to_stop.notified().await;
            Ok(())
        });
        serve(&tasks, start, stop, GRACE).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), ["a task stopped", "the last work"]);
    }

    #[tokio::test]
    async fn a_process_may_be_stopped_while_it_starts_and_may_fail_to_start() {
        let never = async |_: Tasks| std::future::pending::<io::Result<std::future::Ready<()>>>().await;
        assert!(serve(&Tasks::new(), never, Box::pin(async { Ok(()) }), GRACE).await.is_ok());
        let fails = async |_: Tasks| Err::<std::future::Ready<()>, _>(io::Error::other("the port is taken"));
        let outcome = serve(&Tasks::new(), fails, Box::pin(std::future::pending()), GRACE).await;
        assert_eq!(outcome.unwrap_err().to_string(), "the port is taken");
    }
}
