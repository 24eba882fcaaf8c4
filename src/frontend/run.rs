//! The composition root of the frontend.

use std::future::Ready;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use super::options::FrontendOptions;
use super::routes;
use super::site::Site;
use crate::rpc::{Handler, Limits, pages_config, serve_pages};
use crate::server::log::{self, Times};
use crate::server::{self, Process, Threads};
use crate::sys::{self, allocator, chain, file};
use crate::task::Tasks;

const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often another certificate of the pages is looked for.
const LOOK: Duration = Duration::from_secs(60);

const PROCESS: Process = Process {
    prefix: "ERROR",
    threads: Threads { workers: NonZeroUsize::new(2), blocking: NonZeroUsize::new(8), thrift: None },
    task_grace: STOP_GRACE,
    blocking_grace: STOP_GRACE,
};

type Tls = Arc<RwLock<Arc<ServerConfig>>>;

/// Serves pages until it is told to stop. Prints why it cannot start.
#[must_use]
pub(crate) fn run(options: FrontendOptions) -> ExitCode {
    allocator::give_memory_back();
    log::start(LevelFilter::INFO, Times::Hidden);
    server::run(&PROCESS, |tasks| start(options, tasks))
}

async fn start(options: FrontendOptions, tasks: Tasks) -> anyhow::Result<Ready<()>> {
    let uploads = options.state_dir.join("uploads");
    file::ensure_absent(&uploads)?;
    file::ensure_private_directory(&options.state_dir)?;
    file::ensure_private_directory(&uploads)?;
    let hint = "the director makes these files at its start: copy its certs/frontend here if it is on another machine";
    let loaded = Site::load(options, tasks.clone());
    let site = Arc::new(loaded.map_err(|failure| anyhow::Error::msg(failure.text)).context(hint)?);
    let tls: Tls = Arc::new(RwLock::new(configuration(&site.options).context(hint)?));
    let listen = site.options.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another web server running?"))?;
    let address = listener.local_addr().context("cannot learn the own address")?;
    tasks.spawn("follow the certificate", follow(Arc::clone(&site), Arc::clone(&tls), tasks.stopping()));
    let handler: Handler = {
        let site = Arc::clone(&site);
        Arc::new(move |request| Box::pin(routes::answer(Arc::clone(&site), request)))
    };
    let accepting = serve_pages(listener, tls, limits(uploads), handler, tasks.tracker(), tasks.stopping());
    tasks.spawn("accept connections", accepting);
    tracing::info!(listen = %address, director = %site.director_url, "the web frontend is ready");
    Ok(std::future::ready(()))
}

fn configuration(options: &FrontendOptions) -> anyhow::Result<Arc<ServerConfig>> {
    let (certificate, key) = options.pages();
    Ok(pages_config(&file::read_text(&certificate)?, &file::read_text(&key)?)?)
}

/// Takes another certificate whenever there is one, until `stop`.
async fn follow(site: Arc<Site>, tls: Tls, stop: CancellationToken) {
    let (path, _) = site.options.pages();
    let mut last = file::read_text(&path).ok();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let (path, options) = (path.clone(), site.options.clone());
        let known = last.clone();
        let newest = sys::blocking(move || {
            let text = file::read_text(&path).ok().filter(|text| Some(text) != known.as_ref())?;
            Some((text, configuration(&options)))
        });
        match newest.await {
            None => {}
            Some((text, Ok(config))) => {
                *tls.write().unwrap_or_else(PoisonError::into_inner) = config;
                last = Some(text);
                tracing::info!("pages are served with another certificate from now on");
            }
            Some((_, Err(error))) => {
                tracing::warn!(error = %chain(&*error), "the certificate in use is kept");
            }
        }
    }
}

fn limits(uploads: std::path::PathBuf) -> Limits {
    let mut limits = Limits::new(uploads);
    limits.max_connections = 512;
    limits.max_anonymous_body_bytes = 64 * 1024;
    limits
}
