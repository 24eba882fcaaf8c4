//! `application`: groups of services with a manager of their own.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::Subcommand;
use serde_json::{Value, json};

use super::cloud::shown_cloud;
use super::wait;
use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, table};
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::session::{Session, understood};
use crate::model::{ApplicationId, State};
use crate::rpc::RpcCall;
use crate::sys::file;

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
    /// Stop an application
    Stop {
        /// Name or identifier of an application
        app_name_or_id: String,
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
        /// The manifest file
        man_path: PathBuf,
    },
}

#[async_trait(?Send)]
impl Action for ApplicationCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        match *self {
            ApplicationCommand::Create { appl_name } => create(session, &appl_name).await,
            ApplicationCommand::Delete { app_name_or_id } => delete(session, &app_name_or_id).await,
            ApplicationCommand::List => list(session).await,
            ApplicationCommand::Rename { app_name_or_id, new_name } => {
                rename(session, &app_name_or_id, &new_name).await
            }
            ApplicationCommand::Start { cloud, app_name_or_id } => {
                start(session, &app_name_or_id, cloud.as_deref()).await
            }
            ApplicationCommand::Stop { app_name_or_id } => stop(session, &app_name_or_id).await,
            ApplicationCommand::GetLog { app_name_or_id } => get_log(session, &app_name_or_id).await,
            ApplicationCommand::GetInfo { app_name_or_id } => get_info(session, &app_name_or_id).await,
            ApplicationCommand::Manifest { cloud, man_path } => manifest(session, &man_path, cloud.as_deref()).await,
        }
    }
}

async fn create(session: &Session, name: &str) -> Result<Reply, Failure> {
    let created: crate::api::ApplicationView =
        understood("createapp", session.post("createapp", &[("name", name)]).await?)?;
    let text = format!("Application '{}' created with id {}.", created.name, created.aid);
    Ok(Reply::line(text, json!(created)))
}

async fn delete(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    session.post(&format!("deleteapp/{}", app.aid), &[]).await?;
    Ok(Reply::done(format!("Application '{}' with id {} has been deleted.", app.name, app.aid)))
}

async fn list(session: &Session) -> Result<Reply, Failure> {
    let answer = session.get("listapp", &[]).await?;
    let mut rows: Vec<Row> = understood("listapp", answer)?;
    rows.iter_mut().for_each(shown_cloud);
    let text = match table(&["aid", "name", "manager", "cloud", "status"], &rows) {
        text if text.is_empty() => "No existing applications".to_owned(),
        text => text,
    };
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

async fn rename(session: &Session, name_or_id: &str, new_name: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    session.post(&format!("renameapp/{}", app.aid), &[("name", new_name)]).await?;
    let (aid, old_name) = (app.aid, app.name);
    Ok(Reply::done(format!("Application with id {aid} has been renamed from '{old_name}' to '{new_name}'.")))
}

async fn start(session: &Session, name_or_id: &str, cloud: Option<&str>) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    let mut method = format!("startapp/{}", app.aid);
    if let Some(cloud) = cloud {
        lookup::check_cloud(session, cloud).await?;
        method = format!("{method}/{cloud}");
    }
    session.post(&method, &[]).await?;
    let words = format!("Application '{}' with id {} is starting... ", app.name, app.aid);
    wait::for_application(session, app.aid, &words, &[State::Running]).await
}

async fn stop(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    session.post(&format!("stopapp/{}", app.aid), &[]).await?;
    Ok(Reply::done(format!("Application '{}' with id {} was stopped.", app.name, app.aid)))
}

async fn get_log(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    let answer = session.manager(app.aid, RpcCall::get(0, "get_manager_log")).await?;
    Ok(Reply::line(answer["log"].as_str().unwrap_or_default(), answer.clone()))
}

async fn get_info(session: &Session, name_or_id: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, name_or_id).await?;
    let info = session.manager(app.aid, RpcCall::get(0, "get_app_info")).await?;
    let state = |sid: &str| info["states"][sid].as_str().unwrap_or("N/A").to_owned();
    let states = info["states"].as_object().cloned().unwrap_or_default();
    let mut services: Vec<i64> = states.keys().filter_map(|sid| sid.parse().ok()).filter(|sid| *sid != 0).collect();
    services.sort_unstable();
    let mut lines = vec![
        format!("Application name: {}", app.name),
        format!("Application id: {}", app.aid),
        "Manager states:".to_owned(),
        format!("\tApplication manager: {}", state("0")),
    ];
    lines.extend(services.iter().map(|sid| format!("\tService manager {sid}: {}", state(&sid.to_string()))));
    for (title, key) in [("Nodes:", "nodes"), ("Volumes:", "volumes")] {
        lines.push(title.to_owned());
        let names = info[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.extend(names.map(|name| format!("\t{name}")));
    }
    Ok(Reply::lines(&lines, info))
}

async fn manifest(session: &Session, path: &Path, cloud: Option<&str>) -> Result<Reply, Failure> {
    let text = read_manifest(path)?;
    if let Some(cloud) = cloud {
        lookup::check_cloud(session, cloud).await?;
    }
    let parameters = [("manifest", text.as_str()), ("cloud", cloud.unwrap_or("default")), ("thread", "True")];
    let answer = session.post("upload_manifest", &parameters).await?;
    // Upstream's words for a manifest without services: an application is made and not started.
    let aid = answer.get("aid").and_then(Value::as_i64).ok_or_else(|| Failure::said("'aid'"))?;
    let words = format!("Application {aid} is being created based on the specified manifest... ");
    wait::for_application(session, ApplicationId(aid), &words, &[State::Running]).await
}

fn read_manifest(path: &Path) -> Result<String, Failure> {
    if !path.is_file() {
        return Err(Failure::said("The specified path does not contain a file"));
    }
    let not_json = || Failure::said("The uploaded manifest is not valid json");
    let text = file::read_text(path).map_err(|_| not_json())?;
    let manifest: Value = serde_json::from_str(&text).map_err(|_| not_json())?;
    let services = manifest.get("Services").and_then(Value::as_array);
    let has_type = |service: &Value| service.get("Type").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty());
    if services.is_some_and(|services| !services.iter().all(has_type)) {
        return Err(Failure::said("The \"Type\" field is mandatory"));
    }
    Ok(text)
}
