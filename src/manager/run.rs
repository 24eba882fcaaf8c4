//! The composition root of a manager.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::care;
use super::core::Manager;
use super::dispatch::ManagerDispatch;
use super::doors;
use super::history;
use super::link;
use super::lost::{LostDispatch, open_database};
use super::operation;
use super::push;
use super::storage;
use crate::config::ManagerConfig;
use crate::node;
use crate::node::{
    NodeCredentials, NodeError, Options, check_clock, ensure_directories, install_log, run_until_stopped,
};
use crate::sys::{self, file};
use crate::task::Tasks;

/// Runs a manager until it is asked to stop.
pub(crate) fn run(options: &Options) -> ExitCode {
    run_until_stopped("manager", "conpaas manager", |tasks| start(options.clone(), tasks))
}

async fn start(options: Options, tasks: Tasks) -> Result<(), NodeError> {
    let config = Arc::new(read_config(&options)?);
    let base = &config.base;
    ensure_directories(base)?;
    file::ensure_directory(&base.rooted(&config.code_repo))?;
    let log = install_log(base.rooted(&base.log_file))?;
    check_clock(base).await?;
    let (address, port) = (options.bind.unwrap_or(Ipv4Addr::UNSPECIFIED), options.port.unwrap_or(base.manager_port));
    let taken = node::Port::take(address, port).await?;
    let path = base.rooted(&base.var_cache).join("manager.db");
    // The disk is waited for beside the rest.
    let (opened, loaded) =
        tokio::join!(sys::blocking(move || open_database(&path)), async { NodeCredentials::load(base) });
    let credentials = Arc::new(loaded?);
    let uploads = base.rooted(&base.var_tmp);
    let database = match opened? {
        Ok(database) => database,
        Err(reason) => {
            tracing::error!("{reason}");
            let dispatch = Arc::new(LostDispatch { config: Arc::clone(&config), reason });
            taken.serve(uploads, &credentials, dispatch, &tasks);
            return Ok(());
        }
    };
    let manager = Arc::new(Manager::new(Arc::clone(&config), database, Arc::clone(&credentials), tasks.clone(), log));
    manager.begin().await?;
    operation::resume(&manager).await?;
    let dispatch = Arc::new(ManagerDispatch { manager: Arc::clone(&manager) });
    taken.serve(uploads, &credentials, dispatch, &tasks);
    push::begin(&manager);
    tasks.spawn("renewal", credentials.keep_renewed(tasks.stopping()));
    tasks.spawn("links", link::keep(Arc::clone(&manager), tasks.stopping()));
    tasks.spawn("storage", storage::keep(Arc::clone(&manager), tasks.stopping()));
    tasks.spawn("doors", doors::tell(Arc::clone(&manager), tasks.stopping()));
    tasks.spawn("history", history::tell(Arc::clone(&manager), tasks.stopping()));
    tasks.spawn("sweeper", operation::sweep(Arc::clone(&manager), tasks.stopping()));
    tasks.spawn("care", care::look_after(manager, tasks.stopping()));
    // The first line of ConPaaS 2.0; whoever starts a manager may wait for it.
    let _nobody_reads_it = writeln!(std::io::stdout(), "{address} {port}");
    Ok(())
}

fn read_config(options: &Options) -> Result<ManagerConfig, NodeError> {
    let Some(path) = &options.config else { return Ok(ManagerConfig::read(&options.root)?) };
    let text = file::read_text(path)?;
    Ok(ManagerConfig::parse(Path::new(path), &text, &options.root)?)
}
