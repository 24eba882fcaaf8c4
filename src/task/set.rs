//! The tasks of a role: named, told to stop, waited for.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// All tasks of one role. Cheap to clone; clones are the same set.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Tasks::default()
    }

    /// Starts a task. It should end soon after [`Tasks::stopping`] fires;
    /// what it must not lose it has recorded before.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(async move {
            work.await;
            tracing::trace!(task = name, "task ended");
        });
    }

    /// The signal by which tasks are told to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The tracker, for parts that spawn many short tasks of their own.
    #[must_use]
    pub fn tracker(&self) -> TaskTracker {
        self.tracker.clone()
    }

    /// Tells all tasks to stop and waits for them, at most `grace`. Returns
    /// whether all of them ended.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

/// Waits until this process is asked to end (`SIGTERM`, `SIGINT`).
///
/// # Errors
/// The signal handlers cannot be set.
pub(crate) async fn stop_requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
