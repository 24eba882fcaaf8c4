//! `generic`: services that run a user's own scripts.

use std::path::PathBuf;

use async_trait::async_trait;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::command::code;
use crate::cli::command::every_service;
use crate::cli::command::every_service::{CommonCommand, ServiceNames};
use crate::cli::command::service::Count;
use crate::cli::command::volume;
use crate::cli::command_line::Action;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::session::{Session, taken};
use crate::rpc::RpcCall;

const KIND: &str = "generic";
const SCRIPTS: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum GenericCommand {
    /// Add a new service
    Add {
        /// Name or identifier of an application
        app_name_or_id: String,
    },
    /// What all kinds have
    #[command(flatten)]
    Common(CommonCommand<Count>),
    /// Create a volume and attach it to an agent
    CreateVolume {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
        /// Size of the volume (MB)
        #[arg(allow_negative_numbers = true)]
        vol_size: i64,
        /// Identifier of the agent to attach the volume to
        agent_id: String,
    },
    /// Detach and delete a volume
    DeleteVolume {
        /// Name or identifier of an application
        app_name_or_id: String,
        /// Name of the volume
        vol_name: String,
    },
    /// List the volumes in use by the agents
    ListVolumes(ServiceNames),
    /// Upload an SSH key, to push code with git
    UploadKey(FileOfService),
    /// List the SSH keys
    ListKeys(ServiceNames),
    /// Upload a new code version
    UploadCode(FileOfService),
    /// List uploaded code versions
    ListCodes(ServiceNames),
    /// Download a code version
    DownloadCode {
        /// Code version to download; the enabled one when it is left out
        #[arg(short, long, value_name = "CODE")]
        version: Option<String>,
        #[command(flatten)]
        names: ServiceNames,
    },
    /// Make a code version the one that runs
    EnableCode(CodeOfService),
    /// Delete a code version
    DeleteCode(CodeOfService),
    /// Execute the run.sh script
    Run(Script),
    /// Execute the interrupt.sh script
    Interrupt(Script),
    /// Execute the cleanup.sh script
    Cleanup(Script),
    /// Get the status of the agents' scripts
    GetScriptStatus(ServiceNames),
}

/// A file for a service.
#[derive(Debug, Args)]
pub(crate) struct FileOfService {
    #[command(flatten)]
    names: ServiceNames,
    /// The file
    filename: PathBuf,
}

/// A code version of a service.
#[derive(Debug, Args)]
pub(crate) struct CodeOfService {
    #[command(flatten)]
    names: ServiceNames,
    /// The code version
    code_version: String,
}

/// A script and what it is told.
#[derive(Debug, Args)]
pub(crate) struct Script {
    /// Parameters that will be passed to the script
    #[arg(short, long = "parameters", value_name = "PARAM", allow_hyphen_values = true)]
    parameters: Option<String>,
    #[command(flatten)]
    names: ServiceNames,
    /// More parameters, when they were not quoted
    #[arg(hide = true, requires = "parameters")]
    more: Vec<String>,
}

#[async_trait(?Send)]
impl Action for GenericCommand {
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure> {
        let kind = Some(KIND);
        match *self {
            GenericCommand::Add { app_name_or_id } => every_service::add(session, KIND, &app_name_or_id).await,
            GenericCommand::Common(command) => every_service::run(session, kind, command).await,
            GenericCommand::CreateVolume { app_name_or_id, vol_name, vol_size, agent_id } => {
                volume::create(session, &app_name_or_id, &vol_name, vol_size, &agent_id).await
            }
            GenericCommand::DeleteVolume { app_name_or_id, vol_name } => {
                volume::delete(session, &app_name_or_id, &vol_name).await
            }
            GenericCommand::ListVolumes(names) => volume::list(session, &names.find(session, kind).await?).await,
            GenericCommand::UploadKey(file) => {
                code::upload_key(session, &file.names.find(session, kind).await?, &file.filename).await
            }
            GenericCommand::ListKeys(names) => code::list_keys(session, &names.find(session, kind).await?).await,
            GenericCommand::UploadCode(file) => {
                code::upload_code(session, &file.names.find(session, kind).await?, &file.filename).await
            }
            GenericCommand::ListCodes(names) => code::list_codes(session, &names.find(session, kind).await?).await,
            GenericCommand::DownloadCode { version, names } => {
                code::download_code(session, &names.find(session, kind).await?, version.as_deref()).await
            }
            GenericCommand::EnableCode(of) => {
                let found = of.names.find(session, kind).await?;
                code::enable_code(session, &found, "enable_code", &of.code_version).await
            }
            GenericCommand::DeleteCode(of) => {
                code::delete_code(session, &of.names.find(session, kind).await?, &of.code_version).await
            }
            GenericCommand::Run(script) => execute(session, script, "run").await,
            GenericCommand::Interrupt(script) => execute(session, script, "interrupt").await,
            GenericCommand::Cleanup(script) => execute(session, script, "cleanup").await,
            GenericCommand::GetScriptStatus(names) => get_script_status(session, &names).await,
        }
    }
}

async fn execute(session: &Session, script: Script, command: &str) -> Result<Reply, Failure> {
    let found = script.names.find(session, Some(KIND)).await?;
    let words: Vec<String> = script.parameters.into_iter().chain(script.more).collect();
    let call = RpcCall::post(found.service.0, "execute_script").param("command", command);
    session.manager(found.application, call.param("parameters", words.join(" "))).await?;
    let or_killing = match command {
        "interrupt" => " or killing all scripts if 'interrupt.sh' is already running",
        _ => "",
    };
    Ok(Reply::done(format!("Service started executing '{command}.sh' on all the agents{or_killing}.")))
}

async fn get_script_status(session: &Session, names: &ServiceNames) -> Result<Reply, Failure> {
    let found = names.find(session, Some(KIND)).await?;
    let mut answer = session.manager(found.application, RpcCall::get(found.service.0, "get_script_status")).await?;
    let agents = taken(&mut answer, "agents");
    let Some(scripts_of) = agents.as_object().filter(|agents| !agents.is_empty()) else {
        return Ok(Reply::line("No generic agents are running.", agents));
    };
    let mut lines = vec![String::new()];
    for (agent, scripts) in scripts_of {
        lines.push(format!("Agent {agent}:"));
        let status = |script: &str| scripts[script].as_str().unwrap_or("UNKNOWN").to_owned();
        lines.extend(SCRIPTS.iter().map(|script| format!("  {script}\t{}", status(script))));
        lines.push(String::new());
    }
    Ok(Reply::lines(&lines, Value::clone(&agents)))
}
