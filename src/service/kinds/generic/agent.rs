//! The node's side: code, scripts, volumes (reference: `docs/reference/agent-api.md` §3).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::scripts::{Environment, Scripts, shown};
use crate::api::params::{ParamError, bad, python_list};
use crate::archive;
use crate::model::VolumeName;
use crate::service::kind::{AgentEnvironment, AgentKind, LogFile};
use crate::service::method::{Call, Method, MethodError, Reply};
use crate::service::volume::mount::Volumes;
use crate::sys::{self, file};

/// The name before every line in the agent's log.
pub(crate) const LOGGER: &str = "conpaas.core.agent";

const METHODS: &[Method] = &[
    Method::post("init_agent"),
    Method::upload("update_code"),
    Method::post("execute_script"),
    Method::get("get_script_status"),
    Method::post("mount_volume"),
    Method::post("unmount_volume"),
];
const COMMANDS: [&str; 4] = ["notify", "run", "interrupt", "cleanup"];
const LONGEST_INTERRUPT: Duration = Duration::from_secs(3600);

pub(crate) fn make(environment: &AgentEnvironment) -> Arc<dyn AgentKind> {
    Arc::new(GenericAgent(Arc::new(Inner {
        scripts: Scripts::new(&environment.config),
        volumes: Volumes::new(&environment.config.base),
        environment: environment.clone(),
        change: Mutex::new(()),
    })))
}

struct GenericAgent(Arc<Inner>);

struct Inner {
    environment: AgentEnvironment,
    scripts: Scripts,
    volumes: Volumes,
    /// Held while code or scripts change, so that two calls never mix.
    change: Mutex<()>,
}

/// One element of `agents_info`.
#[derive(Debug, Deserialize)]
struct AgentInfo {
    ip: String,
    role: String,
}

#[async_trait]
impl AgentKind for GenericAgent {
    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    fn logs(&self) -> &'static [LogFile] {
        super::LOGS
    }

    async fn resume(&self) {
        let inner = Arc::clone(&self.0);
        if let Err(error) = inner.scripts.prepare() {
            tracing::error!(target: LOGGER, "Failed to prepare the directories of scripts: {error}");
        }
        archive::remove_leftovers(&inner.scripts.code);
        inner.volumes.resume().await;
        if inner.scripts.was_interrupting() {
            self.0.environment.tasks.spawn("interrupt", async move { inner.finish_interrupt().await });
        }
    }

    async fn call(&self, method: &str, call: Call) -> Result<Reply, MethodError> {
        match method {
            "init_agent" => self.0.init_agent(call).await,
            "update_code" => self.0.update_code(call).await,
            "execute_script" => self.0.execute_script(call).await,
            "get_script_status" => self.0.get_script_status(call).await,
            "mount_volume" => self.0.mount_volume(call).await,
            _ => self.0.unmount_volume(call).await,
        }
    }
}

impl Inner {
    async fn init_agent(self: &Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
        let agents_info = call.params.string("agents_info")?;
        let ip = call.params.string("ip")?;
        call.finish()?;
        tracing::info!(target: LOGGER, "Setting agent environment");
        let agents = read_agents_info(&agents_info)?;
        let role_of = |wanted: &str| agents.iter().find(|agent| agent.ip == wanted).map(|agent| agent.role.clone());
        let Some(my_role) = role_of(&ip) else {
            return Err(bad("ip", &format!("'{ip}' is none of the addresses in agents_info")).into());
        };
        let master = agents.iter().find(|agent| agent.role == "master");
        let master_ip = master.map(|agent| agent.ip.clone()).unwrap_or_default();
        let environment = Environment { my_ip: ip, my_role, master_ip };
        let _change = self.change.lock().await;
        let inner = Arc::clone(self);
        sys::blocking(move || {
            // Both wait for the disk, so they wait at the same time.
            std::thread::scope(|scope| {
                let writing = scope.spawn(|| inner.write_agents(&agents_info));
                let environment = inner.scripts.set_environment(&environment);
                writing.join().expect("writing a file does not panic").and(environment)
            })
        })
        .await?;
        tracing::info!(target: LOGGER, "Agent initialized");
        Ok(Reply::nothing())
    }

    async fn update_code(self: &Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
        let filetypes = ["zip", "tar", "git"].map(Value::from);
        let filetype = call.params.one_of("filetype", &filetypes, &python_list(&filetypes))?;
        let filetype = filetype.as_str().unwrap_or_default().to_owned();
        let version = call.params.string("codeVersionId")?;
        let upload = call.optional_file("file");
        let revision = call.params.string_or("revision", "")?;
        call.finish()?;
        tracing::info!(target: LOGGER, "Updating code to version '{version}'");
        let from_git;
        let archive_path = match (&upload, filetype.as_str()) {
            (_, "git") if revision.is_empty() => {
                return Err(MethodError::refused("The 'git' filetype requires the 'revision' parameter"));
            }
            (_, "git") => {
                from_git = self.archive_of_revision(&revision).await?;
                from_git.to_path_buf()
            }
            (None, filetype) => {
                return Err(MethodError::refused(format!("The '{filetype}' filetype requires an uploaded file")));
            }
            (Some(upload), _) => upload.path().to_owned(),
        };
        let _change = self.change.lock().await;
        let scripts = self.scripts.clone();
        // What cannot be unpacked leaves the old code and its scripts as they were.
        let limits = self.environment.config.base.archive.clone();
        let staged = sys::blocking(move || archive::stage(&archive_path, &scripts.code, &limits))
            .await
            .map_err(MethodError::invalid)?;
        self.scripts.kill_all().await;
        let scripts = self.scripts.clone();
        sys::blocking(move || {
            staged.replace(&scripts.code)?;
            scripts.forget()
        })
        .await?;
        tracing::info!(target: LOGGER, "Code updated, executing the 'init' command");
        self.scripts.start("init.sh", "").await?;
        Ok(Reply::nothing())
    }

    /// The sub-directory of this service in a revision of the node's git repository, as a tar file.
    async fn archive_of_revision(&self, revision: &str) -> Result<tempfile::TempPath, MethodError> {
        let base = &self.environment.config.base;
        let repository = base.rooted("/home/git/code");
        let output = tempfile::Builder::new()
            .prefix("git-")
            .tempfile_in(base.rooted(&base.var_tmp))
            .map_err(|error| MethodError::refused(format!("cannot make a temporary file: {error}")))?
            .into_temp_path();
        let tree = format!("{revision}:{}", self.environment.config.service_id);
        let repository = format!("--git-dir={}", repository.display());
        let target = format!("--output={}", output.display());
        let arguments = [&repository, "archive", "--format=tar", &target, "--end-of-options", &tree];
        let outcome = sys::program::run("git", &arguments, sys::program::LIMIT).await;
        outcome.map_err(|error| MethodError::refused(sys::chain(&error)))?;
        Ok(output)
    }

    async fn execute_script(self: &Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
        let commands = COMMANDS.map(Value::from);
        let command = call.params.one_of("command", &commands, &python_list(&commands))?;
        let command = command.as_str().unwrap_or_default().to_owned();
        let parameters = call.params.string_or("parameters", "")?;
        let agents_info = call.params.string("agents_info")?;
        call.finish()?;
        read_agents_info(&agents_info)?;
        if command == "notify" {
            tracing::info!(target: LOGGER, "Executing the 'notify' command");
        } else {
            tracing::info!(target: LOGGER, "Executing the '{command}' command with parameters '{parameters}'");
        }
        let _change = self.change.lock().await;
        let inner = Arc::clone(self);
        let (any_runs, interrupt_runs) = sys::blocking(move || {
            inner.write_agents(&agents_info)?;
            Ok::<_, file::FileError>((inner.scripts.any_is_running(), inner.scripts.is_running("interrupt.sh")))
        })
        .await?;
        match (command.as_str(), any_runs, interrupt_runs) {
            ("interrupt", false, _) => {
                tracing::warn!(target: LOGGER, "No scripts are currently running, nothing to interrupt");
            }
            ("interrupt", true, true) => self.scripts.kill_all().await,
            ("interrupt", true, false) => self.interrupt(&parameters).await?,
            (_, true, _) => {
                tracing::warn!(target: LOGGER, "Scripts are already running, '{command}' is not executed");
            }
            (_, false, _) => self.scripts.start(&format!("{command}.sh"), &parameters).await?,
        }
        Ok(Reply::nothing())
    }

    /// Runs `interrupt.sh`, then ends what still runs.
    async fn interrupt(self: &Arc<Self>, parameters: &str) -> Result<(), MethodError> {
        self.scripts.set_interrupting(true)?;
        if let Err(error) = self.scripts.start("interrupt.sh", parameters).await {
            tracing::error!(target: LOGGER, "Failed to interrupt by script: {error}");
        }
        let inner = Arc::clone(self);
        self.environment.tasks.spawn("interrupt", async move { inner.finish_interrupt().await });
        Ok(())
    }

    /// Ends with the agent if that stops first; the next agent takes it up.
    async fn finish_interrupt(self: Arc<Self>) {
        let stopping = self.environment.tasks.stopping();
        let deadline = tokio::time::Instant::now() + LONGEST_INTERRUPT;
        while self.scripts.is_running("interrupt.sh") && tokio::time::Instant::now() < deadline {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        let _change = self.change.lock().await;
        if self.scripts.any_is_running() {
            self.scripts.kill_all().await;
        }
        if let Err(error) = self.scripts.set_interrupting(false) {
            tracing::error!(target: LOGGER, "Failed to note the end of an interrupt: {}", sys::chain(&error));
        }
    }

    async fn get_script_status(self: &Arc<Self>, call: Call) -> Result<Reply, MethodError> {
        call.finish()?;
        let inner = Arc::clone(self);
        let progress = sys::blocking(move || inner.scripts.progress()).await;
        let scripts: serde_json::Map<String, Value> =
            progress.into_iter().map(|(name, progress)| (name.to_owned(), shown(progress).into())).collect();
        Ok(Reply::Value(json!({ "scripts": scripts })))
    }

    async fn mount_volume(&self, mut call: Call) -> Result<Reply, MethodError> {
        let device = call.params.string("dev_name")?;
        let name = call.params.string("vol_name")?;
        let id = call.params.string_or("vol_id", "")?;
        call.finish()?;
        let name: VolumeName = name.parse().map_err(|error| MethodError::refused(format!("{error}")))?;
        let outcome = self.volumes.mount(&device, Some(id.as_str()).filter(|id| !id.is_empty()), &name).await;
        outcome.map_err(|error| failed("mount", &error))?;
        Ok(Reply::nothing())
    }

    async fn unmount_volume(&self, mut call: Call) -> Result<Reply, MethodError> {
        let name = call.params.string("vol_name")?;
        call.finish()?;
        let name: VolumeName = name.parse().map_err(|error| MethodError::refused(format!("{error}")))?;
        let outcome = self.volumes.unmount(&name).await;
        outcome.map_err(|error| failed("unmount", &error))?;
        Ok(Reply::nothing())
    }

    /// Blocking.
    fn write_agents(&self, agents_info: &str) -> Result<(), file::FileError> {
        file::write_atomic(&self.scripts.agents_json, agents_info.as_bytes(), 0o644)
    }
}

fn read_agents_info(text: &str) -> Result<Vec<AgentInfo>, ParamError> {
    serde_json::from_str(text)
        .map_err(|error| bad("agents_info", &format!("not a JSON list of agents with id, ip and role: {error}")))
}

fn failed(action: &str, error: &dyn std::error::Error) -> MethodError {
    let text = sys::chain(error);
    tracing::error!(target: LOGGER, "Failed to {action} volume: {text}");
    MethodError::refused(format!("Failed to {action} volume: {text}"))
}
