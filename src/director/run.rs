//! The director's composition root: its parts, its tasks, its end.

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::filter::LevelFilter;

use super::census::Census;
use super::clouds::Clouds;
use super::credit;
use super::external::logins::External;
use super::frontend_files;
use super::host::{HostError, check_host, is_found_without_resolver};
use super::http;
use super::ingress_files;
use super::last_look::LastLook;
use super::lock::{self, DirectorLock};
use super::manifest;
use super::node::stop::StopMark;
use super::node::tell_wanted;
use super::orphan;
use super::own_certificate::OwnCertificate;
use super::password::Passwords;
use super::reconcile::{self, STOP_GRACE};
use super::relocation;
use super::reserve::Reserve;
use super::served::ServedSites;
use super::service;
use super::service_removal;
use super::shown_lists::ShownLists;
use super::state::{Director, Wakers};
use super::time_record::{record_time, time_record};
use super::troubles::KnownTroubles;
use super::visits::KnownVisits;
use crate::clock::{self, Clock, ClockSettings};
use crate::cloud::Cloud;
use crate::config::{DirectorConfig, DriverConfig, locate_director_cfg};
use crate::pki::Authority;
use crate::rpc::{Handler, Limits, Origins, serve};
use crate::server::log::{self, Times};
use crate::server::{self, Process, Threads};
use crate::store;
use crate::store::director::orphan::Fate;
use crate::sys::{self, allocator, chain, file};
use crate::task::Tasks;
use crate::task::keyed_lock::KeyedLocks;

/// How the director is called.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `director.cfg`; by default as [`locate_director_cfg`] finds it.
    pub config: Option<PathBuf>,
    /// Sets a wrong clock right, whatever the configuration says.
    pub step_clock: bool,
    /// What becomes of all that the clouds hold and no record names.
    pub(crate) orphans: Option<Fate>,
}

const PROCESS: Process = Process {
    prefix: "ERROR",
    threads: Threads { workers: NonZeroUsize::new(2), blocking: NonZeroUsize::new(16), thrift: None },
    task_grace: STOP_GRACE,
    blocking_grace: STOP_GRACE,
};

/// Runs the director until it is told to stop. Prints why it cannot start.
#[must_use]
pub fn run(options: &RunOptions) -> ExitCode {
    allocator::give_memory_back();
    server::run(&PROCESS, |tasks| start(options, tasks))
}

/// Starts the director. What it returns settles the credit after the tasks have stopped.
async fn start(options: &RunOptions, tasks: Tasks) -> anyhow::Result<impl Future<Output = ()>> {
    let config = DirectorConfig::read(&locate_director_cfg(options.config.as_deref()))?;
    log::start(if config.is_debug { LevelFilter::DEBUG } else { LevelFilter::INFO }, Times::Shown);
    file::ensure_passable_directory(&config.state_dir)?;
    check_clock(&config, options.step_clock).await?;
    // Before anything is touched.
    let lock = lock::hold(&config)?;
    // A start that fails has changed nothing of the machine: its networks come last.
    let early = early_listener(&config).await?;
    check_place(&config).await?;
    let director = compose(config, tasks, lock)?;
    join_all(director.clouds.all().map(|cloud| cloud.examine())).await.into_iter().collect::<Result<(), _>>()?;
    join_all(director.clouds.all().map(|cloud| prepare(&**cloud))).await;
    let listener = match early {
        Some(listener) => listener,
        None => bind(&director.config).await.with_context(|| cannot_listen(&director.config))?,
    };
    let left = "cannot take up what an earlier run left";
    if let Some(fate) = options.orphans {
        let (config, clouds) = (&director.config, &director.clouds);
        let decided = orphan::decide_with(config, clouds, &director.store, fate, &[]).await?;
        tracing::warn!(n_orphans = decided.orphans.len(), fate = fate.as_str(), "decided about what no record names");
    }
    let is_own = orphan::take_over(&director).await.context(left)?;
    // A database that does not know what the clouds hold cannot tell what was left unfinished.
    let unfinished = if is_own { service::unfinished(&director).await.context(left)? } else { Vec::new() };
    let unfinished = Arc::new(unfinished);
    reconcile::resume(&director, is_own).await.context(left)?;
    service_removal::spawn_all(&director).await.context(left)?;
    manifest::remove_leftovers(&director).await.context(left)?;
    manifest::spawn_all(&director).await.context(left)?;
    director.stop_mark.take_back()?;
    director.reserve.restore().await;

    let tasks = &director.tasks;
    for cloud in director.clouds.all() {
        let reconciling = reconcile::run(Arc::clone(&director), Some(Arc::clone(cloud)), Arc::clone(&unfinished));
        tasks.spawn("reconcile a cloud", reconciling);
    }
    tasks.spawn("reconcile what is in no cloud", reconcile::run(Arc::clone(&director), None, unfinished));
    tasks.spawn("charge credit", credit::run_credits(Arc::clone(&director)));
    tasks.spawn("record the time", record_time(director.config.state_dir.clone(), tasks.stopping()));
    tasks.spawn("tell nodes the URL", relocation::tell_nodes(Arc::clone(&director), tasks.stopping()));
    tasks.spawn("tell nodes of each other", tell_wanted::tell_nodes(Arc::clone(&director), tasks.stopping()));
    tasks.spawn("follow the certificate", Arc::clone(&director.certificate).follow(tasks.stopping()));
    ensure_files_of_others(&director).await;
    let limits = limits(&director.config)?;
    let handler = handler(&director);
    let accepting = serve(listener, director.certificate.server(), limits, handler, tasks.tracker(), tasks.stopping());
    tasks.spawn("accept connections", accepting);

    tracing::info!(listen = %director.config.listen, n_clouds = director.config.clouds.len(), "director is ready");
    Ok(async move { credit::settle(&director).await })
}

/// A director serves without a web frontend and without an ingress.
async fn ensure_files_of_others(director: &Arc<Director>) {
    let own = Arc::clone(director);
    let now = Clock::system().unix_seconds();
    let made = sys::blocking(move || frontend_files::ensure(&own.config, &own.authority, now)).await;
    match made {
        Ok(lines) => lines.iter().for_each(|line| tracing::info!("{line}")),
        Err(error) => tracing::warn!(error = %chain(&error), "the web frontend does not get what it needs"),
    }
    let own = Arc::clone(director);
    match sys::blocking(move || ingress_files::ensure(&own.config, &own.authority, now)).await {
        Ok(lines) => lines.iter().for_each(|line| tracing::info!("{line}")),
        Err(error) => tracing::warn!(error = %chain(&error), "the ingress does not get what it needs"),
    }
}

/// Listens, unless the address is one that only comes with the network of a cloud.
async fn early_listener(config: &DirectorConfig) -> anyhow::Result<Option<TcpListener>> {
    match bind(config).await {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable && is_on_a_bridge(config) => Ok(None),
        outcome => outcome.map(Some).with_context(|| cannot_listen(config)),
    }
}

async fn bind(config: &DirectorConfig) -> std::io::Result<TcpListener> {
    TcpListener::bind(config.listen).await
}

fn cannot_listen(config: &DirectorConfig) -> String {
    format!("cannot listen on {}: is another director running?", config.listen)
}

fn is_on_a_bridge(config: &DirectorConfig) -> bool {
    config.clouds.iter().any(|cloud| match &cloud.driver {
        DriverConfig::Lxc(lxc) => config.listen.ip() == lxc.gateway,
        DriverConfig::Process(_) | DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => false,
    })
}

/// Refuses to start where nodes could never call the director. A resolver that is away for the moment, as after
/// a power cut, keeps no director from starting whose nodes do without it.
async fn check_place(config: &DirectorConfig) -> anyhow::Result<()> {
    let own = config.clone();
    match sys::blocking(move || check_host(&own)).await {
        Err(error @ HostError::Unknown { .. }) if is_found_without_resolver(config) => {
            tracing::warn!("{error}");
            Ok(())
        }
        outcome => outcome.with_context(|| config.file.display().to_string()),
    }
}

async fn prepare(cloud: &dyn Cloud) {
    if let Err(error) = cloud.prepare().await {
        tracing::error!(cloud = %cloud.name(), error = %chain(&error), "a cloud cannot be made ready; trying again with its first node");
    }
}

/// Makes all parts. Blocking, but nothing runs yet.
fn compose(config: DirectorConfig, tasks: Tasks, lock: DirectorLock) -> anyhow::Result<Arc<Director>> {
    if config.director_url.is_none() {
        anyhow::bail!(
            "{}: [director] DIRECTOR_URL is not set: run 'conpaas director init --hostname <name>'",
            config.file.display()
        );
    }
    for directory in [&config.userdata_dir, &config.cert_dir] {
        file::ensure_private_directory(directory)?;
    }
    let hint = "run 'conpaas director init --hostname <name>'";
    let store = store::director::open(&config.database)?;
    store.check()?;
    let authority = Authority::load(&config.cert_dir).context(hint)?;
    let external = config.openid.clone().map(External::new).transpose()?;
    let clouds = Clouds::new(&config, authority.certificate_pem())?;
    Ok(Arc::new(Director {
        _lock: lock,
        store,
        authority,
        certificate: Arc::new(OwnCertificate::load(&config.cert_dir).context(hint)?),
        reconcile: Wakers::new(clouds.names()),
        clouds,
        passwords: Passwords::new(&config.login, origins(&config), max_logins_waiting(&config)),
        external,
        last_look: LastLook::default(),
        reserve: Reserve::new(&config.state_dir, config.reserve_bytes),
        stop_mark: StopMark::new(&config.state_dir),
        tasks,
        census: Census::default(),
        shown_lists: ShownLists::default(),
        troubles: KnownTroubles::default(),
        served: ServedSites::default(),
        visits: KnownVisits::default(),
        start_ended: Notify::new(),
        operations: KeyedLocks::default(),
        config,
    }))
}

async fn check_clock(config: &DirectorConfig, step: bool) -> anyhow::Result<()> {
    let settings = ClockSettings {
        is_server_required: config.clock.is_server_required,
        may_step: config.clock.may_step || step,
        max_offset: config.clock.max_offset,
        record: Some(time_record(&config.state_dir)),
        ..ClockSettings::new(config.clock.time_servers.clone())
    };
    let verdict = clock::enforce(&settings, &Clock::system()).await?;
    if let Some(warning) = verdict.warning() {
        tracing::warn!("{warning}");
    }
    Ok(())
}

fn limits(config: &DirectorConfig) -> anyhow::Result<Limits> {
    let uploads = config.state_dir.join("uploads");
    clear(&uploads)?;
    let mut limits = Limits::new(uploads);
    limits.max_connections = config.limits.max_connections as usize;
    limits.origins = origins(config);
    limits.head_timeout = config.limits.header_timeout;
    limits.body_timeout = config.limits.request_timeout;
    limits.max_body_bytes = config.limits.max_upload_bytes;
    limits.max_anonymous_body_bytes = config.limits.max_body_bytes;
    // The longest work of a request is making nodes.
    limits.work_timeout = config.node_start_timeout * 2 + config.limits.request_timeout;
    Ok(limits)
}

/// Half of the places of strangers: others than those who log in need some, too.
fn max_logins_waiting(config: &DirectorConfig) -> usize {
    (config.limits.max_connections as usize / 4).clamp(1, 64)
}

/// Nodes of a cluster network are one caller; the address of this machine in it is another.
fn origins(config: &DirectorConfig) -> Origins {
    config.clouds.iter().fold(Origins::default(), |origins, cloud| match &cloud.driver {
        DriverConfig::Lxc(lxc) => origins.with_nodes(lxc.network, Some(lxc.gateway)),
        DriverConfig::Process(process) => origins.with_nodes(process.network, None),
        _ => origins,
    })
}

/// An upload that a crash left is of no use to anyone.
fn clear(directory: &Path) -> anyhow::Result<()> {
    file::ensure_absent(directory)?;
    file::ensure_private_directory(directory)?;
    Ok(())
}

fn handler(director: &Arc<Director>) -> Handler {
    let director = Arc::clone(director);
    Arc::new(move |request| {
        let director = Arc::clone(&director);
        Box::pin(http::answer(director, request))
    })
}
