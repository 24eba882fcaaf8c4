//! The composition root of the welcome page.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::routes;
use super::routes::Web;
use crate::api::first_boot::WELCOME_FILE;
use crate::rpc::{Handler, Limits, install_crypto, serve_plain};
use crate::sys::random;
use crate::task::{Tasks, stop_requested};

/// Where the page is served and what it tells of.
#[derive(Debug, Clone)]
pub(crate) struct WebOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The first boot's directory.
    pub state_dir: PathBuf,
    /// The socket on which root gives the first login away.
    pub first_login_socket: PathBuf,
    /// The file of the last known time.
    pub last_time: PathBuf,
}

const STOP_GRACE: Duration = Duration::from_secs(5);

/// Serves the page until it is told to stop. Prints why it cannot start.
#[must_use]
pub(crate) fn run(options: WebOptions) -> ExitCode {
    install_crypto();
    tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_ansi(false).init();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("cannot start")
        .and_then(|runtime| {
            let outcome = runtime.block_on(start_and_serve(options));
            runtime.shutdown_timeout(STOP_GRACE);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start_and_serve(options: WebOptions) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another web server running?", options.listen))?;
    let address = listener.local_addr().context("cannot learn the own address")?;
    let web = Arc::new(Web { options, token: random::alphanumeric(32) });
    let tasks = Tasks::new();
    let handler: Handler = Arc::new(move |request| {
        let web = Arc::clone(&web);
        Box::pin(async move { routes::answer(&web, request).await })
    });
    tasks.spawn("accept connections", serve_plain(listener, limits(), handler, tasks.tracker(), tasks.stopping()));
    tasks.spawn("watchdog", watchdog(tasks.stopping()));
    tracing::info!(listen = %address, "the welcome page is ready");
    let _no_service_manager_is_fine = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    stop_requested().await.context("cannot wait for signals")?;
    let _no_service_manager_is_fine = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    tasks.stop(STOP_GRACE).await;
    Ok(())
}

/// A page of a few kilobytes for a few people.
fn limits() -> Limits {
    let mut limits = Limits::without_uploads();
    limits.max_connections = 64;
    limits.max_connections_per_address = 16;
    limits.max_body_bytes = 4096;
    limits.max_anonymous_body_bytes = 4096;
    limits.body_pause = Duration::from_secs(5);
    limits.body_timeout = Duration::from_secs(10);
    limits.connection_timeout = Duration::from_secs(60);
    limits
}

/// Tells systemd that the page lives, as often as its unit asks for.
async fn watchdog(stopping: CancellationToken) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    loop {
        let _no_service_manager_is_fine = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(interval / 2) => {}
        }
    }
}

impl WebOptions {
    pub(crate) fn welcome(&self) -> PathBuf {
        self.state_dir.join(WELCOME_FILE)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.state_dir.join(name)
    }
}
