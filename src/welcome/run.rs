//! The composition root of the welcome page.

use std::future::Ready;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use super::options::WebOptions;
use super::routes;
use super::routes::Web;
use crate::rpc::{Handler, Limits, serve_plain};
use crate::server::log::{self, Times};
use crate::server::{self, Process, Threads};
use crate::sys::random;
use crate::task::Tasks;

const STOP_GRACE: Duration = Duration::from_secs(5);

const PROCESS: Process = Process {
    prefix: "ERROR",
    threads: Threads { workers: None, blocking: NonZeroUsize::new(4), thrift: None },
    task_grace: STOP_GRACE,
    blocking_grace: STOP_GRACE,
};

/// Serves the page until it is told to stop. Prints why it cannot start.
#[must_use]
pub(crate) fn run(options: WebOptions) -> ExitCode {
    log::start(LevelFilter::INFO, Times::Hidden);
    server::run(&PROCESS, |tasks| start(options, tasks))
}

async fn start(options: WebOptions, tasks: Tasks) -> anyhow::Result<Ready<()>> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another web server running?", options.listen))?;
    let address = listener.local_addr().context("cannot learn the own address")?;
    let web = Arc::new(Web { options, token: random::alphanumeric(32) });
    let handler: Handler = Arc::new(move |request| {
        let web = Arc::clone(&web);
        Box::pin(async move { routes::answer(&web, request).await })
    });
    tasks.spawn("accept connections", serve_plain(listener, limits(), handler, tasks.tracker(), tasks.stopping()));
    tracing::info!(listen = %address, "the welcome page is ready");
    Ok(std::future::ready(()))
}

/// A page of a few kilobytes for a few people.
fn limits() -> Limits {
    let mut limits = Limits::without_uploads();
    limits.max_connections = 64;
    limits.max_body_bytes = 4096;
    limits.max_anonymous_body_bytes = 4096;
    limits.body_pause = Duration::from_secs(5);
    limits.body_timeout = Duration::from_secs(10);
    limits.work_timeout = Duration::from_secs(60);
    limits
}
