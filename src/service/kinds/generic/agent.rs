//! The node's side: code, scripts, volumes (reference: `docs/reference/agent-api.md` §3).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::command::Command;
use super::logs::LOGS;
use super::scripts::{Environment, LOGGER, Scripts, WantedProgram, status};
use crate::api::agent::{self as api, AgentInfo, Executed};
use crate::api::environment::Variables;
use crate::api::params::{ParamError, bad};
use crate::archive;
use crate::service::agent_side::{AgentEnvironment, AgentKind};
use crate::service::call::Call;
use crate::service::code::ReceivedCode;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::method::{BoundMethod, Method, bind, get, post, upload};
use crate::service::reply::Reply;
use crate::service::volume::mount::Volumes;
use crate::service::volume::{mount_volume, unmount_volume};
use crate::sys::{self, file};

const METHODS: &[Method<Arc<GenericAgent>>] = &[
    post("init_agent", |agent, call| Box::pin(agent.init_agent(call))),
    upload("update_code", |agent, call| Box::pin(agent.update_code(call))),
    post("execute_script", |agent, call| Box::pin(agent.execute_script(call))),
    get("get_script_status", |agent, call| Box::pin(agent.get_script_status(call))),
    post("set_environment", |agent, call| Box::pin(agent.set_environment(call))),
    post("mount_volume", |agent, call| Box::pin(mount_volume(agent.volumes.clone(), call))),
    post("unmount_volume", |agent, call| Box::pin(unmount_volume(agent.volumes.clone(), call))),
];
const LONGEST_INTERRUPT: Duration = Duration::from_secs(3600);

struct GenericAgent {
    environment: AgentEnvironment,
    scripts: Scripts,
    volumes: Volumes,
    /// Held while code or scripts change, so that two calls never mix.
    change: Mutex<()>,
}

pub(super) fn make(environment: &AgentEnvironment) -> Result<Arc<dyn AgentKind>, MethodError> {
    Ok(Arc::new(GenericAgent {
        scripts: Scripts::new(&environment.config),
        volumes: Volumes::new(&environment.config.base),
        environment: environment.clone(),
        change: Mutex::new(()),
    }))
}

#[async_trait]
impl AgentKind for GenericAgent {
    fn methods(self: Arc<Self>) -> Vec<BoundMethod> {
        bind(METHODS, &self)
    }

    fn logs(&self) -> &'static [LogFile] {
        LOGS
    }

    async fn resume(self: Arc<Self>) {
        if let Err(error) = self.scripts.prepare() {
            tracing::error!(target: LOGGER, "Failed to prepare the directories of scripts: {error}");
        }
        if let Err(error) = self.scripts.write_links() {
            tracing::error!(target: LOGGER, "Failed to write the files of links: {error}");
        }
        archive::remove_leftovers(&self.scripts.code);
        self.volumes.resume().await;
        if self.scripts.was_interrupting() {
            let agent = Arc::clone(&self);
            self.environment.tasks.spawn("interrupt", async move { agent.finish_interrupt().await });
        }
        self.go_on().await;
    }
}

impl GenericAgent {
    /// Starts again what was broken off when the node stopped or lost power.
    async fn go_on(&self) {
        let _change = self.change.lock().await;
        let scripts = self.scripts.clone();
        let Some((script, parameters)) = sys::blocking(move || scripts.broken_off()).await else { return };
        tracing::info!(target: LOGGER, "Script '{script}' was broken off when the node stopped, so it runs again");
        self.scripts.kill_all().await;
        if let Err(error) = self.scripts.start(script, &parameters).await {
            tracing::error!(target: LOGGER, "Failed to run a script again: {error}");
        }
    }

    async fn init_agent(self: Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
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
        let agent = Arc::clone(&self);
        sys::blocking(move || {
            // Both wait for the disk, so they wait at the same time.
            std::thread::scope(|scope| {
                let writing = scope.spawn(|| agent.write_agents(&agents_info));
                let environment = agent.scripts.set_environment(&environment);
                writing.join().expect("writing a file does not panic").and(environment)
            })
        })
        .await?;
        tracing::info!(target: LOGGER, "Agent initialized");
        Ok(Reply::nothing())
    }

    /// Scripts that run go on with what they have; the files of links are new for them, too.
    async fn set_environment(self: Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
        let variables: Variables = call.structure("environment")?;
        call.finish()?;
        let _change = self.change.lock().await;
        let scripts = self.scripts.clone();
        sys::blocking(move || {
            scripts.set_variables(&variables)?;
            scripts.write_links()
        })
        .await?;
        Ok(Reply::nothing())
    }

    async fn update_code(self: Arc<Self>, call: Call) -> Result<Reply, MethodError> {
        let received = ReceivedCode::take(&self.environment.config, call).await?;
        let _change = self.change.lock().await;
        let staged = received.stage(&self.scripts.code).await?;
        self.scripts.kill_all().await;
        if let Some(directory) = staged.left_out() {
            let shown = directory.display();
            tracing::info!(target: LOGGER, "Everything lies in the directory '{shown}', which is left out");
        }
        let scripts = self.scripts.clone();
        sys::blocking(move || {
            Scripts::mend(staged.content())?;
            staged.replace(&scripts.code)?;
            scripts.forget()
        })
        .await?;
        tracing::info!(target: LOGGER, "Code updated, executing the 'init' command");
        self.scripts.start("init.sh", "").await?;
        Ok(Reply::nothing())
    }

    async fn execute_script(self: Arc<Self>, mut call: Call) -> Result<Reply, MethodError> {
        let command = call.params.choice("command", &Command::OF_AGENTS)?;
        let parameters = call.params.string_or("parameters", "")?;
        let agents_info = call.params.string("agents_info")?;
        call.finish()?;
        read_agents_info(&agents_info)?;
        if command == Command::Notify {
            tracing::info!(target: LOGGER, "Executing the 'notify' command");
        } else {
            tracing::info!(target: LOGGER, "Executing the '{}' command with parameters '{parameters}'", command.as_str());
        }
        let _change = self.change.lock().await;
        let agent = Arc::clone(&self);
        let (any_runs, interrupt_runs) = sys::blocking(move || {
            agent.write_agents(&agents_info)?;
            Ok::<_, file::FileError>((agent.scripts.any_is_running(), agent.scripts.is_running("interrupt.sh")))
        })
        .await?;
        let missing = match (command, any_runs, interrupt_runs) {
            (Command::Interrupt, false, _) => {
                self.want(None).await?;
                tracing::warn!(target: LOGGER, "No scripts are currently running, nothing to interrupt");
                None
            }
            (Command::Interrupt, true, true) => {
                self.want(None).await?;
                self.scripts.kill_running().await;
                None
            }
            (Command::Interrupt, true, false) => {
                self.want(None).await?;
                self.interrupt(&parameters).await?;
                None
            }
            (_, true, _) => {
                let command = command.as_str();
                tracing::warn!(target: LOGGER, "Scripts are already running, '{command}' is not executed");
                None
            }
            (Command::Notify, false, _) => self.scripts.start(command.script(), &parameters).await?,
            (Command::Cleanup, false, _) => {
                self.want(None).await?;
                self.scripts.start(command.script(), &parameters).await?
            }
            (Command::Run, false, _) => self.run(parameters).await?,
        };
        Ok(Reply::of(&Executed { missing }))
    }

    /// Starts `run.sh`, which is wanted from now on.
    async fn run(&self, parameters: String) -> Result<Option<api::MissingScript>, MethodError> {
        let program = WantedProgram { parameters };
        self.want(Some(program.clone())).await?;
        let started = self.scripts.start(Command::Run.script(), &program.parameters).await;
        if !matches!(started, Ok(None)) {
            self.want(None).await?;
        }
        started
    }

    async fn want(&self, program: Option<WantedProgram>) -> Result<(), file::FileError> {
        let scripts = self.scripts.clone();
        sys::blocking(move || scripts.want(program.as_ref())).await
    }

    /// Runs `interrupt.sh`, then ends what still runs.
    async fn interrupt(self: &Arc<Self>, parameters: &str) -> Result<(), MethodError> {
        self.scripts.set_interrupting(true)?;
        if let Err(error) = self.scripts.start(Command::Interrupt.script(), parameters).await {
            tracing::error!(target: LOGGER, "Failed to interrupt by script: {error}");
        }
        let agent = Arc::clone(self);
        self.environment.tasks.spawn("interrupt", async move { agent.finish_interrupt().await });
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
            self.scripts.kill_running().await;
        }
        if let Err(error) = self.scripts.set_interrupting(false) {
            tracing::error!(target: LOGGER, "Failed to note the end of an interrupt: {}", sys::chain(&error));
        }
    }

    async fn get_script_status(self: Arc<Self>, call: Call) -> Result<Reply, MethodError> {
        call.finish()?;
        let progress = sys::blocking(move || self.scripts.progress()).await;
        let scripts = progress.into_iter().map(|(name, progress)| (name.to_owned(), status(progress))).collect();
        Ok(Reply::of(&api::Scripts { scripts }))
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
