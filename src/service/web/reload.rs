//! Reloads of nginx that no visitor notices.
//!
//! Workers of the old configuration close connections on which nothing happens at once: a visitor who sends a request
//! just then gets no answer. So before a reload nginx keeps no connection open after its request (it looks for a file
//! at each request). After a reload the old workers still pass requests on as they were told. Servers that they know
//! and the new ones do not may go only when the old ones are gone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::sys::file;
use crate::sys::process::{self, ProcessId};
use crate::sys::{self, blocking};
use crate::task::poll::{self, Pace};

/// Visitors who say nothing for so long lose nothing when their connection is closed.
const QUIET: Duration = Duration::from_millis(500);
const LOOK: Pace = Pace::every(Duration::from_millis(20));
const LEAVE_LIMIT: Duration = Duration::from_secs(3);
/// nginx ends its old workers itself after 30 seconds (`worker_shutdown_timeout`).
const WORKERS_LIMIT: Duration = Duration::from_secs(35);
const OF_OLD_WORKERS: &str = "nginx: worker process is shutting down";
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(1), whole: Duration::from_secs(2), max_answer_bytes: 4096 };

/// A time in which nginx keeps no connection; over when it is dropped.
pub(crate) struct Closing {
    mark: PathBuf,
}

impl Closing {
    /// Has nginx keep no connection, and waits for a moment until the kept ones have had their last request. `status` is
    /// where it answers for itself.
    pub(crate) async fn begin(mark: PathBuf, status: SocketAddr) -> Closing {
        let closing = Closing { mark };
        let path = closing.mark.clone();
        if let Err(error) = blocking(move || file::write_atomic(&path, b"", 0o644)).await {
            tracing::warn!("visitors may notice the reload: {}", sys::chain(&error));
            return closing;
        }
        let is_quiet = || async move {
            let n_waiting = n_waiting(status).await;
            Ok::<_, std::convert::Infallible>(n_waiting.is_none_or(|n_waiting| n_waiting == 0).then_some(()))
        };
        let Ok(_quiet_or_late) = poll::until(LOOK, QUIET, is_quiet).await;
        closing
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        forget(&self.mark);
    }
}

/// Takes back what an agent left that was killed while nginx read its configuration. Blocking.
pub(crate) fn forget(mark: &Path) {
    if let Err(error) = file::ensure_absent(mark) {
        tracing::warn!("nginx keeps no connection of visitors open: {}", sys::chain(&error));
    }
}

/// The workers of a reload's old configuration.
pub(crate) struct OldWorkers(Vec<ProcessId>);

impl OldWorkers {
    /// Takes the workers that the nginx with this main process has now. Blocking.
    pub(crate) fn of(main: i32) -> Self {
        OldWorkers(process::children(main))
    }

    /// Waits until each of them knows that it is to end: nginx starts the new ones first, and pauses in between.
    pub(crate) async fn leave(&self) {
        self.until(LEAVE_LIMIT, |worker| !worker.is_alive() || is_leaving(worker)).await;
    }

    /// Waits until none of them is there any more.
    pub(crate) async fn end(&self) {
        if !self.until(WORKERS_LIMIT, |worker| !worker.is_alive()).await {
            tracing::warn!("workers of an earlier configuration of nginx do not end; their requests may fail");
        }
    }

    async fn until(&self, limit: Duration, is_so: fn(ProcessId) -> bool) -> bool {
        let are_all = async || {
            let workers = self.0.clone();
            let are_all = blocking(move || workers.into_iter().all(is_so)).await;
            Ok::<_, std::convert::Infallible>(are_all.then_some(()))
        };
        let Ok(waited) = poll::until(LOOK, limit, are_all).await;
        waited.is_some()
    }
}

fn is_leaving(worker: ProcessId) -> bool {
    let title = std::fs::read(format!("/proc/{}/cmdline", worker.pid)).unwrap_or_default();
    String::from_utf8_lossy(&title).starts_with(OF_OLD_WORKERS)
}

/// Returns how many connections are kept without a request; `None` if nginx does not say.
async fn n_waiting(address: SocketAddr) -> Option<u64> {
    let request = WebRequest::get(format!("http://{address}/-/nginx-status"));
    let answer = WebClient::new(LIMITS).send(&request).await.ok()?;
    n_waiting_of(&String::from_utf8_lossy(&answer.body))
}

fn n_waiting_of(status: &str) -> Option<u64> {
    status.split("Waiting: ").nth(1)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_nginx_says_how_many_connections_wait() {
        let status =
            "Active connections: 4 \nserver accepts handled requests\n 9 9 31 \nReading: 0 Writing: 1 Waiting: 3 \n";
        assert_eq!(n_waiting_of(status), Some(3));
        assert_eq!(n_waiting_of("<html>"), None);
    }
}
