//! The sub-commands that services of all kinds have. A kind's group flattens
//! [`KindCommand`] among its own, and says which roles its nodes have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::loss::{self, Consent, Extent, Keeping};
use super::nodes;
use super::service_names::ServiceNames;
use super::wait;
use crate::api::manager::{AppInfo, StateChange};
use crate::api::params::python_str;
use crate::cli::invocation::Invocation;
use crate::cli::output::argparse::ADDITIONS;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::value_of;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::manager::Counts;
use crate::client::session::Session;
use crate::client::wait::{Awaited, for_removal};
use crate::model::{ApplicationId, ServiceId, State, VolumeFate};

/// How many nodes of each role are meant.
pub(crate) trait Roles: Args {
    /// Returns all roles by the name that the manager knows, zeros included.
    fn counts(&self) -> Counts;
}

/// The role of nodes where a service has but one to choose.
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Number of nodes, 1 when it is left out
    #[arg(long, allow_negative_numbers = true)]
    count: Option<i64>,
}

impl Roles for Count {
    fn counts(&self) -> Counts {
        Counts::from([("count", self.count.unwrap_or(1))])
    }
}

/// The sub-commands of a kind that every kind has.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum KindCommand<R: Roles> {
    /// Add a new service
    Add {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// What `service` has too
    #[command(flatten)]
    Every(EveryServiceCommand<R>),
}

impl<R: Roles> KindCommand<R> {
    /// Runs the sub-command for services of `kind`.
    ///
    /// # Errors
    /// In upstream's words.
    pub(crate) async fn run(self, run: &Invocation, kind: &str) -> Result<Reply, Failure> {
        match self {
            KindCommand::Add { app_name_or_id } => add(&run.session, kind, &app_name_or_id).await,
            KindCommand::Every(command) => command.run(run, Some(kind)).await,
        }
    }
}

/// The sub-commands, `add` excepted: it differs.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum EveryServiceCommand<R: Roles> {
    /// Remove a service, with its volumes and code
    Remove {
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        consent: Consent,
    },
    /// List services
    List {
        /// Services of this application only
        #[arg(short, long, value_name = "ID_OR_NAME")]
        application: Option<String>,
    },
    /// Rename a service
    Rename {
        #[command(flatten)]
        names: ServiceNames,
        /// New name for the service
        new_name: String,
    },
    /// Start a service
    Start {
        /// Cloud where the service will run
        #[arg(short, long, value_name = "NAME")]
        cloud: Option<String>,
        /// Size of the volume of each node that has one, in MB
        #[arg(long = "volume-size", alias = "volume_size", value_name = "MB", help_heading = ADDITIONS)]
        volume_size: Option<i64>,
        #[command(flatten)]
        names: ServiceNames,
    },
    /// Stop a service; its volumes go
    Stop {
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        consent: Consent,
    },
    /// Display a service's state
    GetState(ServiceNames),
    /// Get the startup script of a service
    GetScript(ServiceNames),
    /// Set the startup script of a service
    SetScript {
        #[command(flatten)]
        names: ServiceNames,
        /// File containing the script
        filename: PathBuf,
    },
    /// Get the log of a service's manager
    GetLog(ServiceNames),
    /// List the logs of an agent
    ListAgentLogs {
        #[command(flatten)]
        names: ServiceNames,
        /// Identifier of an agent
        agent_id: String,
    },
    /// Get a log of an agent
    GetAgentLog {
        /// One of the files that list_agent_logs shows
        #[arg(short, long, value_name = "FILENAME")]
        filename: Option<String>,
        #[command(flatten)]
        names: ServiceNames,
        /// Identifier of an agent
        agent_id: String,
    },
    /// Get the states that a service went through
    GetHistory(ServiceNames),
    /// Add nodes to a service
    AddNodes {
        #[command(flatten)]
        roles: R,
        /// Cloud where the nodes will run
        #[arg(short, long, value_name = "CLOUD")]
        cloud: Option<String>,
        #[command(flatten)]
        names: ServiceNames,
    },
    /// Remove nodes from a service
    RemoveNodes {
        #[command(flatten)]
        roles: R,
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        consent: Consent,
    },
    /// List nodes of a service
    ListNodes(ServiceNames),
}

impl<R: Roles> EveryServiceCommand<R> {
    /// Runs the sub-command for services of `kind`, or of all kinds.
    ///
    /// # Errors
    /// In upstream's words.
    pub(crate) async fn run(self, run: &Invocation, kind: Option<&str>) -> Result<Reply, Failure> {
        let session = &run.session;
        match self {
            Self::Remove { names, consent } => remove(run, &names.find(session, kind).await?, consent).await,
            Self::List { application } => list(session, kind, application.as_deref()).await,
            Self::Rename { names, new_name } => rename(session, &names.find(session, kind).await?, &new_name).await,
            Self::Start { cloud, volume_size, names } => {
                let found = names.find(session, kind).await?;
                if let Some(cloud) = &cloud {
                    lookup::check_cloud(session, cloud).await?;
                }
                start(run, &found, cloud.as_deref(), volume_size).await
            }
            Self::Stop { names, keeping, consent } => {
                stop(run, &names.find(session, kind).await?, keeping.volumes(), consent).await
            }
            Self::GetState(names) => get_state(session, &names.find(session, kind).await?).await,
            Self::GetScript(names) => get_script(session, &names.find(session, kind).await?).await,
            Self::SetScript { names, filename } => {
                set_script(session, &names.find(session, kind).await?, &filename).await
            }
            Self::GetLog(names) => get_log(session, &names.find(session, kind).await?).await,
            Self::ListAgentLogs { names, agent_id } => {
                nodes::list_agent_logs(session, &names.find(session, kind).await?, &agent_id).await
            }
            Self::GetAgentLog { filename, names, agent_id } => {
                nodes::get_agent_log(session, &names.find(session, kind).await?, &agent_id, filename.as_deref()).await
            }
            Self::GetHistory(names) => get_history(session, &names.find(session, kind).await?).await,
            Self::AddNodes { roles, cloud, names } => {
                nodes::add(run, &names.find(session, kind).await?, &roles.counts(), cloud.as_deref()).await
            }
            Self::RemoveNodes { roles, names, consent } => {
                nodes::remove(run, &names.find(session, kind).await?, &roles.counts(), consent).await
            }
            Self::ListNodes(names) => nodes::list(run, &names.find(session, kind).await?).await,
        }
    }
}

/// A row of `list`.
#[derive(Serialize)]
struct ServiceRow {
    aid: ApplicationId,
    sid: ServiceId,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    status: &'static str,
}

/// Adds a service of `kind` to an application.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn add(session: &Session, kind: &str, application: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, application).await?;
    let added = session.add_service(kind, app.aid).await?;
    let (aid, sid) = (app.aid, added.service.sid);
    let mut text = format!("Service {kind} successfully added to application {aid} with id {sid}.");
    let name = &added.service.name;
    if name.starts_with(&format!("New {kind} service ")) {
        text.push_str(&format!("\nIt is called '{name}', as another one has the usual name."));
    }
    Ok(Reply::line(text, &added))
}

async fn remove(run: &Invocation, found: &FoundService, consent: Consent) -> Result<Reply, Failure> {
    let (aid, sid) = (found.application, found.service);
    let words = format!("Removing service {sid} of application {aid}");
    loss::agree_for_service(run, found, Extent::Whole, &words, consent).await?;
    let removal = run.session.remove_service(found).await?;
    for_removal(&run.session, aid, &removal).await?;
    Ok(Reply::done(format!("Service {sid} of application {aid} has been successfully removed.")))
}

async fn rename(session: &Session, found: &FoundService, name: &str) -> Result<Reply, Failure> {
    session.rename_service(found, name).await?;
    let (aid, sid) = (found.application, found.service);
    Ok(Reply::done(format!("Service {sid} of application {aid} has been renamed to '{name}'.")))
}

async fn list(session: &Session, kind: Option<&str>, application: Option<&str>) -> Result<Reply, Failure> {
    let application = match application {
        Some(name_or_id) => Some(lookup::application(session, name_or_id).await?.aid),
        None => None,
    };
    let mut services = lookup::services(session, kind, application).await?;
    services.sort_by_key(|found| (found.service.application_id, found.service.sid));
    // A manager that does not answer makes the state unknown, not the list impossible.
    let mut infos: HashMap<ApplicationId, Option<AppInfo>> = HashMap::new();
    let mut rows: Vec<ServiceRow> = Vec::new();
    for found in services {
        let (aid, sid) = (found.service.application_id, found.service.sid);
        let info = match infos.entry(aid) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                session.learn_manager(&found.application);
                unknown.insert(session.app_info(aid).await.ok())
            }
        };
        let state = info.as_ref().and_then(|info| info.states.get(&sid));
        rows.push(ServiceRow {
            aid,
            sid,
            kind: found.service.kind,
            name: found.service.name,
            status: state.map_or("N/A", |state| state.as_str()),
        });
    }
    Ok(Reply::table(&["aid", "sid", "type", "name", "status"], &rows, "No existing services."))
}

/// Starts a service, in a cloud that is there, and waits for it.
///
/// # Errors
/// The manager refuses, or does not say what became of it.
pub(crate) async fn start(
    run: &Invocation,
    found: &FoundService,
    cloud: Option<&str>,
    volume_size_mb: Option<i64>,
) -> Result<Reply, Failure> {
    let operation = run.session.start_service(found, cloud, volume_size_mb).await?;
    let words = format!("Service {} of application {} is starting... ", found.service, found.application);
    wait::for_service(run, found, &words, Awaited { operation: &operation, ends: &[State::Running] }).await
}

async fn stop(run: &Invocation, found: &FoundService, volumes: VolumeFate, consent: Consent) -> Result<Reply, Failure> {
    if volumes == VolumeFate::Lost {
        let words = format!("Stopping service {} of application {}", found.service, found.application);
        loss::agree_for_service(run, found, Extent::Nodes, &words, consent).await?;
    }
    // Scripts of ConPaaS 2.0 say nothing of volumes.
    let asked = (volumes == VolumeFate::Kept || !run.has_old_name).then_some(volumes);
    let operation = run.session.stop_service(found, asked).await?;
    let words = format!("Service {} of application {} is stopping... ", found.service, found.application);
    wait::for_service(run, found, &words, Awaited { operation: &operation, ends: &[State::Stopped] }).await
}

async fn get_state(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let info = session.service_info(found).await?;
    let fields = value_of(&info);
    let fields = fields.as_object().into_iter().flatten();
    let lines: Vec<String> = fields.map(|(name, value)| format!("{name}: {}", python_str(value))).collect();
    Ok(Reply::lines(&lines, &info))
}

async fn get_script(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let script = session.startup_script(found).await?;
    Ok(Reply::line(script.as_str(), &script))
}

async fn set_script(session: &Session, found: &FoundService, path: &Path) -> Result<Reply, Failure> {
    session.upload_startup_script(found, path).await?;
    Ok(Reply::done("Startup script uploaded successfully."))
}

async fn get_log(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let log = session.service_log(found, None).await?;
    Ok(Reply::line(log.log.as_str(), &log))
}

async fn get_history(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let history = session.service_history(found).await?;
    let lines: Vec<String> = history.iter().map(|change| history_line(change, &chrono::Local)).collect();
    Ok(Reply::lines(&lines, &history))
}

fn history_line<Z: chrono::TimeZone<Offset: std::fmt::Display>>(change: &StateChange, zone: &Z) -> String {
    let time = chrono::DateTime::from_timestamp(change.time as i64, 0).unwrap_or_default();
    let time = time.with_timezone(zone).format("%Y-%m-%d %H:%M:%S");
    format!("{time} {} {}", change.state, change.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_told_to_the_second_in_the_zone_of_the_reader() {
        let change = StateChange { time: 1_795_325_789.75, state: State::Error, reason: "no nodes".to_owned() };
        assert_eq!(history_line(&change, &chrono::Utc), "2026-11-22 05:36:29 ERROR no nodes");
        let east = chrono::FixedOffset::east_opt(3600).unwrap();
        assert_eq!(history_line(&change, &east), "2026-11-22 06:36:29 ERROR no nodes");
    }
}
