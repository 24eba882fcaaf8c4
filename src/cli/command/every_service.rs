//! The sub-commands that services of all kinds have. A kind's group adds its
//! own, and says which roles its nodes have.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::nodes;
use super::wait;
use crate::api::ServiceAndApplication;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, shown, table};
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::session::{Session, understood};
use crate::client::upload;
use crate::model::{ApplicationId, State};
use crate::rpc::RpcCall;

/// How many nodes of each role are meant.
pub(crate) trait Roles: Args {
    /// All roles by the name that the manager knows, zeros included.
    fn counts(&self) -> Vec<(&'static str, i64)>;
}

/// Which service is meant.
#[derive(Debug, Args)]
pub(crate) struct ServiceNames {
    /// Name or identifier of an application
    pub app_name_or_id: String,
    /// Name or identifier of a service
    pub serv_name_or_id: String,
}

impl ServiceNames {
    /// Finds it, of one kind only when `kind` says so.
    ///
    /// # Errors
    /// There is no such service.
    pub(crate) async fn find(&self, session: &Session, kind: Option<&str>) -> Result<FoundService, Failure> {
        lookup::service(session, kind, &self.app_name_or_id, &self.serv_name_or_id).await
    }
}

/// The sub-commands, `add` excepted: it differs.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CommonCommand<R: Roles> {
    /// Remove a service
    Remove(ServiceNames),
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
        #[command(flatten)]
        names: ServiceNames,
    },
    /// Stop a service
    Stop(ServiceNames),
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
    },
    /// List nodes of a service
    ListNodes(ServiceNames),
}

/// Runs a sub-command for services of `kind`, or of all kinds.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn run<R: Roles>(
    session: &Session,
    kind: Option<&str>,
    command: CommonCommand<R>,
) -> Result<Reply, Failure> {
    match command {
        CommonCommand::Remove(names) => remove(session, &names.find(session, kind).await?).await,
        CommonCommand::List { application } => list(session, kind, application.as_deref()).await,
        CommonCommand::Rename { names, new_name } => {
            rename(session, &names.find(session, kind).await?, &new_name).await
        }
        CommonCommand::Start { cloud, names } => {
            start(session, &names.find(session, kind).await?, cloud.as_deref()).await
        }
        CommonCommand::Stop(names) => stop(session, &names.find(session, kind).await?).await,
        CommonCommand::GetState(names) => get_state(session, &names.find(session, kind).await?).await,
        CommonCommand::GetScript(names) => get_script(session, &names.find(session, kind).await?).await,
        CommonCommand::SetScript { names, filename } => {
            set_script(session, &names.find(session, kind).await?, filename).await
        }
        CommonCommand::GetLog(names) => get_log(session, &names.find(session, kind).await?).await,
        CommonCommand::ListAgentLogs { names, agent_id } => {
            nodes::list_agent_logs(session, &names.find(session, kind).await?, &agent_id).await
        }
        CommonCommand::GetAgentLog { filename, names, agent_id } => {
            nodes::get_agent_log(session, &names.find(session, kind).await?, &agent_id, filename.as_deref()).await
        }
        CommonCommand::GetHistory(names) => get_history(session, &names.find(session, kind).await?).await,
        CommonCommand::AddNodes { roles, cloud, names } => {
            nodes::add(session, &names.find(session, kind).await?, &roles.counts(), cloud.as_deref()).await
        }
        CommonCommand::RemoveNodes { roles, names } => {
            nodes::remove(session, &names.find(session, kind).await?, &roles.counts()).await
        }
        CommonCommand::ListNodes(names) => nodes::list(session, &names.find(session, kind).await?).await,
    }
}

/// Adds a service of `kind` to an application.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn add(session: &Session, kind: &str, application: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, application).await?;
    let appid = app.aid.to_string();
    let method = format!("add/{kind}");
    let added: ServiceAndApplication = understood(&method, session.post(&method, &[("appid", &appid)]).await?)?;
    let (aid, sid) = (app.aid, added.service.sid);
    let text = format!("Service {kind} successfully added to application {aid} with id {sid}.");
    Ok(Reply::line(text, json!(added)))
}

async fn remove(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let (aid, sid) = (found.application, found.service);
    session.post("remove", &[("app_id", &aid.to_string()), ("service_id", &sid.to_string())]).await?;
    Ok(Reply::done(format!("Service {sid} of application {aid} has been successfully removed.")))
}

async fn rename(session: &Session, found: &FoundService, name: &str) -> Result<Reply, Failure> {
    let (aid, sid) = (found.application, found.service);
    let ids = (aid.to_string(), sid.to_string());
    session.post("rename", &[("app_id", &ids.0), ("service_id", &ids.1), ("name", name)]).await?;
    Ok(Reply::done(format!("Service {sid} of application {aid} has been renamed to '{name}'.")))
}

async fn list(session: &Session, kind: Option<&str>, application: Option<&str>) -> Result<Reply, Failure> {
    let application = match application {
        Some(name_or_id) => Some(lookup::application(session, name_or_id).await?.aid),
        None => None,
    };
    let mut services = lookup::services(session, kind, application).await?;
    services.sort_by_key(|found| (found.service.application_id, found.service.sid));
    let mut states: Option<(ApplicationId, Value)> = None;
    let mut rows: Vec<Row> = Vec::new();
    for found in services {
        let aid = found.service.application_id;
        if states.as_ref().is_none_or(|(of, _)| *of != aid) {
            session.learn_manager(&found.application);
            // A manager that does not answer makes the state unknown, not the list impossible.
            let info = session.manager(aid, RpcCall::get(0, "get_app_info")).await.unwrap_or_default();
            states = Some((aid, info));
        }
        let state = states.as_ref().and_then(|(_, info)| info["states"].get(found.service.sid.to_string()));
        let row = json!({
            "aid": aid, "sid": found.service.sid, "type": found.service.kind, "name": found.service.name,
            "status": state.and_then(Value::as_str).unwrap_or("N/A")
        });
        rows.extend(row.as_object().cloned());
    }
    let text = match table(&["aid", "sid", "type", "name", "status"], &rows) {
        text if text.is_empty() => "No existing services.".to_owned(),
        text => text,
    };
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

async fn start(session: &Session, found: &FoundService, cloud: Option<&str>) -> Result<Reply, Failure> {
    if let Some(cloud) = cloud {
        lookup::check_cloud(session, cloud).await?;
    }
    let call = RpcCall::post(0, "start_service").param("cloud", cloud.unwrap_or("default"));
    session.manager(found.application, call.param("service_id", found.service.0)).await?;
    let words = format!("Service {} of application {} is starting... ", found.service, found.application);
    wait::for_service(session, found, &words, &[State::Running]).await
}

async fn stop(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let call = RpcCall::post(0, "stop_service").param("service_id", found.service.0);
    session.manager(found.application, call).await?;
    let words = format!("Service {} of application {} is stopping... ", found.service, found.application);
    wait::for_service(session, found, &words, &[State::Stopped]).await
}

async fn get_state(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let info = session.manager(found.application, RpcCall::get(found.service.0, "get_service_info")).await?;
    let info: Map<String, Value> = understood("get_service_info", info)?;
    let lines: Vec<String> = info.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect();
    Ok(Reply::lines(&lines, Value::Object(info)))
}

async fn get_script(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let call = RpcCall::get(0, "get_startup_script").param("sid", found.service.0);
    let script = session.manager(found.application, call).await?;
    Ok(Reply::line(shown(&script), script))
}

async fn set_script(session: &Session, found: &FoundService, filename: PathBuf) -> Result<Reply, Failure> {
    let call = RpcCall::upload(0, "upload_startup_script").param("sid", found.service.to_string());
    session.manager(found.application, upload::with_file(call, "script", &filename)?).await?;
    Ok(Reply::done("Startup script uploaded successfully."))
}

async fn get_log(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let answer = session.manager(found.application, RpcCall::get(found.service.0, "get_manager_log")).await?;
    Ok(Reply::line(answer["log"].as_str().unwrap_or_default(), answer.clone()))
}

async fn get_history(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let answer = session.manager(found.application, RpcCall::get(found.service.0, "get_service_history")).await?;
    let entries = answer["state_log"].as_array().cloned().unwrap_or_default();
    let line = |entry: &Value| {
        let seconds = entry["time"].as_f64().unwrap_or_default();
        let time = chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default();
        let time = time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S");
        format!("{time} {} {}", shown(&entry["state"]), entry["reason"].as_str().unwrap_or_default())
    };
    let lines: Vec<String> = entries.iter().map(line).collect();
    Ok(Reply::lines(&lines, Value::Array(entries)))
}
