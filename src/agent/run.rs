//! The composition root of an agent.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::dispatch::{AgentDispatch, Shared};
use super::exec::Execs;
use super::meter::Meter;
use super::mounts::Mounts;
use super::startup;
use crate::config::AgentConfig;
use crate::node;
use crate::node::{
    NodeCredentials, NodeError, Options, check_clock, ensure_directories, install_log, run_until_stopped,
};
use crate::service::{AgentEnvironment, find_agent_type};
use crate::sys::{self, file};
use crate::task::Tasks;

/// Runs an agent until it is asked to stop.
pub(crate) fn run(options: &Options) -> ExitCode {
    run_until_stopped("agent", "conpaas agent", |tasks| start(options.clone(), tasks))
}

async fn start(options: Options, tasks: Tasks) -> Result<(), NodeError> {
    let config = Arc::new(read_config(&options)?);
    let base = &config.base;
    ensure_directories(base)?;
    let log = install_log(base.rooted(&base.log_file))?;
    let kind = find_agent_type(&config.agent_type).ok_or_else(|| NodeError::UnknownType(config.agent_type.clone()))?;
    check_clock(base).await?;
    startup::run_once(base).await?;
    let address = options.bind.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let port = options.port.unwrap_or(base.agent_port);
    let taken = node::Port::take(address, port).await?;
    let credentials = Arc::new(NodeCredentials::load(base)?);
    tracing::info!(
        target: "conpaas.core.agent",
        "'{}' agent started (uid={}, sid={})", config.agent_type, base.user_id, config.service_id
    );
    let environment = AgentEnvironment { config: Arc::clone(&config), tasks: tasks.clone() };
    let agent = sys::blocking(move || (kind.agent)(&environment)).await;
    let agent = agent.map_err(|error| NodeError::Kind { kind: kind.name, reason: error.to_string() })?;
    let (of_mounts, mount_tasks) = (Arc::clone(&config), tasks.clone());
    let mounts = sys::blocking(move || Mounts::new(&of_mounts, mount_tasks)).await;
    let mounts = mounts.map_err(|error| NodeError::Kind { kind: kind.name, reason: sys::chain(&error) })?;
    mounts.resume(&tasks);
    Arc::clone(&agent).resume().await;
    let execs = Execs::new(Arc::clone(&config), tasks.clone());
    execs.resume().await;
    let meter = Meter::default();
    let shared = Shared { log, execs, meter: meter.clone(), mounts };
    let dispatch = Arc::new(AgentDispatch::new(Arc::clone(&config), Arc::clone(&credentials), agent, shared));
    taken.serve(base.rooted(&base.var_tmp), &credentials, dispatch, &tasks);
    tasks.spawn("meter", meter.run(tasks.stopping()));
    tasks.spawn("renewal", credentials.keep_renewed(tasks.stopping()));
    // The first line of ConPaaS 2.0; whoever starts an agent may wait for it.
    let _nobody_reads_it = writeln!(std::io::stdout(), "{address} {port}");
    Ok(())
}

fn read_config(options: &Options) -> Result<AgentConfig, NodeError> {
    let Some(path) = &options.config else { return Ok(AgentConfig::read(&options.root)?) };
    let text = file::read_text(path)?;
    Ok(AgentConfig::parse(Path::new(path), &text, &options.root)?)
}
