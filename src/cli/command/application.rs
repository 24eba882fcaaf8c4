//! `application`: groups of services with a manager of their own.

use std::path::PathBuf;

use async_trait::async_trait;
use clap::Subcommand;

use super::cloud::shown_cloud;
use super::loss::{self, Consent, End, Keeping};
use super::{manifest, wait};
use crate::api::manager::AppInfo;
use crate::api::{Accepted, ApplicationView};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::session::Session;
use crate::client::wait::Awaited;
use crate::model::{ServiceId, State, VolumeFate};

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum ApplicationCommand {
    /// Create a new application
    Create {
        /// Name of the new application
        appl_name: String,
    },
    /// Delete an application
    Delete {
        /// Name or identifier of an application
        app_name_or_id: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// List applications
    List,
    /// Rename an application
    Rename {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// New name for the application
        new_name: String,
    },
    /// Start an application
    Start {
        /// Cloud where the application manager will run
        #[arg(short, long, value_name = "NAME")]
        cloud: Option<String>,
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// Stop an application; its services go, with their volumes and code
    Stop {
        /// Name or identifier of an application
        app_name_or_id: String,
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        consent: Consent,
    },
    /// Get the application manager's log file
    GetLog {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// Get information about the application
    GetInfo {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// Create an application from a manifest
    Manifest {
        /// Cloud where the application will run
        #[arg(short, long, value_name = "NAME")]
        cloud: Option<String>,
        /// The manifest file, or a directory or tar file with manifest.json and what it names
        man_path: PathBuf,
    },
    /// Write a tar file that makes the same application again
    Export {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// The tar file to be written
        filename: PathBuf,
    },
}

#[async_trait(?Send)]
impl Action for ApplicationCommand {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let session = &run.session;
        match *self {
            ApplicationCommand::Create { appl_name } => create(session, &appl_name).await,
            ApplicationCommand::Delete { app_name_or_id, consent } => delete(run, &app_name_or_id, consent).await,
            ApplicationCommand::List => list(session).await,
            ApplicationCommand::Rename { app_name_or_id, new_name } => {
                rename(session, &app_name_or_id, &new_name).await
            }
            ApplicationCommand::Start { cloud, app_name_or_id } => {
                let app = lookup::application(session, &app_name_or_id).await?;
                if let Some(cloud) = &cloud {
                    lookup::check_cloud(session, cloud).await?;
                }
                start(run, &app, cloud.as_deref()).await
            }
            ApplicationCommand::Stop { app_name_or_id, keeping, consent } => {
                stop(run, &app_name_or_id, keeping.volumes(), consent).await
            }
            ApplicationCommand::GetLog { app_name_or_id } => get_log(session, &app_name_or_id).await,
            ApplicationCommand::GetInfo { app_name_or_id } => get_info(session, &app_name_or_id).await,
            ApplicationCommand::Manifest { cloud, man_path } => manifest::make(run, &man_path, cloud.as_deref()).await,
            ApplicationCommand::Export { app_name_or_id, filename } => {
                manifest::export(run, &app_name_or_id, &filename).await
            }
        }
    }
}

async fn create(session: &Session, name: &str) -> Result<Reply, Failure> {
    let created = session.create_application(name).await?;
    Ok(Reply::line(format!("Application '{}' created with id {}.", created.name, created.aid), &created))
}

async fn delete(run: &Invocation, name_or_id: &str, consent: Consent) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, name_or_id).await?;
    let words = format!("Deleting application '{}'", app.name);
    loss::agree_for_application(run, &app, End::Deletion, &words, consent).await?;
    run.session.delete_application(app.aid).await?;
    Ok(Reply::done(format!("Application '{}' with id {} has been deleted.", app.name, app.aid)))
}

async fn list(session: &Session) -> Result<Reply, Failure> {
    let mut applications = session.applications().await?;
    for app in &mut applications {
        app.cloud = app.cloud.as_deref().map(|cloud| shown_cloud(cloud).to_owned());
    }
    Ok(Reply::table(&["aid", "name", "manager", "cloud", "status"], &applications, "No existing applications"))
}

async fn rename(session: &Session, name_or_id: &str, new_name: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    session.rename_application(app.aid, new_name).await?;
    let (aid, old_name) = (app.aid, app.name);
    Ok(Reply::done(format!("Application with id {aid} has been renamed from '{old_name}' to '{new_name}'.")))
}

/// Starts an application, in a cloud that is there, and waits for it.
///
/// # Errors
/// The director refuses, or nobody knows what became of it.
pub(crate) async fn start(run: &Invocation, app: &ApplicationView, cloud: Option<&str>) -> Result<Reply, Failure> {
    let operation = run.session.start_application(app.aid, cloud).await?;
    await_start(run, app, &operation).await
}

/// Waits for an application that is being started.
///
/// # Errors
/// Nobody knows what became of it.
pub(crate) async fn await_start(
    run: &Invocation,
    app: &ApplicationView,
    operation: &Accepted,
) -> Result<Reply, Failure> {
    let words = format!("Application '{}' with id {} is starting... ", app.name, app.aid);
    wait::for_application(run, app.aid, &words, Awaited { operation, ends: &[State::Running] }).await
}

async fn stop(run: &Invocation, name_or_id: &str, volumes: VolumeFate, consent: Consent) -> Result<Reply, Failure> {
    let app = lookup::application(&run.session, name_or_id).await?;
    let words = format!("Stopping application '{}'", app.name);
    if volumes == VolumeFate::Kept {
        // A director that knows no kept volumes would pass over the wish, and destroy them.
        run.session.owned_volumes().await?;
    }
    loss::agree_for_application(run, &app, End::Stop(volumes), &words, consent).await?;
    run.session.stop_application(app.aid, volumes).await?;
    Ok(Reply::done(format!("Application '{}' with id {} was stopped.", app.name, app.aid)))
}

async fn get_log(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    let log = session.manager_log(app.aid).await?;
    Ok(Reply::line(log.log.as_str(), &log))
}

async fn get_info(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    let info = session.app_info(app.aid).await?;
    let mut lines = vec![format!("Application name: {}", app.name), format!("Application id: {}", app.aid)];
    lines.extend(info_lines(&info));
    Ok(Reply::lines(&lines, &info))
}

fn info_lines(info: &AppInfo) -> Vec<String> {
    let manager = info.states.get(&ServiceId::MANAGER).map_or("N/A", |state| state.as_str());
    let mut lines = vec!["Manager states:".to_owned(), format!("\tApplication manager: {manager}")];
    let services = info.states.iter().filter(|(sid, _)| **sid != ServiceId::MANAGER);
    lines.extend(services.map(|(sid, state)| format!("\tService manager {sid}: {state}")));
    for (title, names) in [("Nodes:", &info.nodes), ("Volumes:", &info.volumes)] {
        lines.push(title.to_owned());
        lines.extend(names.iter().map(|name| format!("\t{name}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn services_are_told_by_number_and_a_manager_without_a_state_too() {
        let states = BTreeMap::from([(ServiceId(10), State::Running), (ServiceId(9), State::Init)]);
        let info = AppInfo { states, nodes: vec!["iaas1".to_owned()], volumes: Vec::new() };
        let lines = info_lines(&info);
        let wanted = "Manager states:\n\tApplication manager: N/A\n\tService manager 9: INIT\n\
                      \tService manager 10: RUNNING\nNodes:\n\tiaas1\nVolumes:";
        assert_eq!(lines.join("\n"), wanted);
    }
}
