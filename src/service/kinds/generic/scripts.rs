//! The five scripts of a node and their contract (reference: `docs/reference/agent-api.md` §3).
//!
//! What is known of them lies in files, so that an agent that was killed and
//! started again knows as much as before: one record per script in
//! `<VAR_TMP>/scripts`, the environment in `<VAR_TMP>/environment.json`. Both
//! survive a power cut, which `<VAR_RUN>` does not.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::logs::{AGENT_ERR, AGENT_OUT};
use crate::api::agent::ScriptStatus;
use crate::config::AgentConfig;
use crate::service::error::MethodError;
use crate::supervise::script;
use crate::supervise::script::{Progress, Supervised};
use crate::sys::process::NODE_VARIABLE;
use crate::sys::{self, file};

/// The name before every line in the agent's log.
pub(crate) const LOGGER: &str = "conpaas.core.agent";

/// The scripts' names, in the order of ConPaaS 2.0.
pub(crate) const SCRIPTS: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];

const KILL_GRACE: Duration = Duration::from_secs(5);

/// What scripts are told about their node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) my_ip: String,
    pub(crate) my_role: String,
    pub(crate) master_ip: String,
}

/// The places of one node's scripts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Scripts {
    /// Where the active code lies.
    pub(crate) code: PathBuf,
    /// What scripts read about the other nodes.
    pub(crate) agents_json: PathBuf,
    records: PathBuf,
    environment: PathBuf,
    interrupting: PathBuf,
    home: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
    /// Set where the node shares its machine's processes with others.
    node_tag: Option<String>,
}

impl Scripts {
    pub(crate) fn new(config: &AgentConfig) -> Self {
        let base = &config.base;
        let cache = base.rooted(&base.var_cache);
        let is_own_machine = base.root == std::path::Path::new("/");
        Scripts {
            code: cache.join("bin"),
            agents_json: cache.join("agents.json"),
            records: base.rooted(&base.var_tmp).join("scripts"),
            environment: base.rooted(&base.var_tmp).join("environment.json"),
            interrupting: base.rooted(&base.var_tmp).join("interrupting"),
            home: base.rooted(&base.conpaas_home),
            stdout: base.rooted(AGENT_OUT.path),
            stderr: base.rooted(AGENT_ERR.path),
            node_tag: if is_own_machine { None } else { std::env::var(NODE_VARIABLE).ok() },
        }
    }

    /// Makes the directories that scripts rely on. Blocking.
    pub(crate) fn prepare(&self) -> Result<(), MethodError> {
        for directory in [&self.records, &self.home] {
            file::ensure_directory(directory)?;
        }
        Ok(())
    }

    /// Returns how far each script has come, by name. Blocking.
    pub(crate) fn progress(&self) -> Vec<(&'static str, Progress)> {
        SCRIPTS.iter().map(|name| (*name, script::progress(&self.record(name)))).collect()
    }

    /// Returns whether some script runs. Blocking.
    pub(crate) fn any_is_running(&self) -> bool {
        self.progress().iter().any(|(_, progress)| matches!(progress, Progress::Running(_)))
    }

    /// Returns whether this script runs. Blocking.
    pub(crate) fn is_running(&self, name: &str) -> bool {
        matches!(script::progress(&self.record(name)), Progress::Running(_))
    }

    /// Starts a script of the active code, if the code has it.
    pub(crate) async fn start(&self, name: &str, parameters: &str) -> Result<(), MethodError> {
        let script = self.code.join(name);
        if !script.is_file() {
            tracing::error!(target: LOGGER, "Script '{name}' does not exist in the active code tarball");
            return Ok(());
        }
        let mut arguments = vec![OsString::from("bash"), script.into_os_string()];
        arguments.extend(parameters.split_whitespace().map(OsString::from));
        let wanted = Supervised {
            record: self.record(name),
            program: sys::program::find("bash").unwrap_or_else(|| PathBuf::from("/bin/bash")),
            arguments,
            directory: self.home.clone(),
            environment: self.environment_of_scripts(),
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
        };
        let started = script::start(&wanted).await;
        started.map_err(|error| MethodError::refused(format!("cannot run script '{name}': {error}")))?;
        tracing::info!(target: LOGGER, "Script '{name}' is running");
        Ok(())
    }

    /// Ends all running scripts with everything in their process groups.
    pub(crate) async fn kill_all(&self) {
        let records = SCRIPTS.iter().map(|name| self.record(name)).collect();
        tracing::info!(target: LOGGER, "Killing all running processes");
        script::terminate(records, KILL_GRACE).await;
    }

    /// Forgets how scripts ended, as after new code. Blocking.
    pub(crate) fn forget(&self) -> Result<(), file::FileError> {
        SCRIPTS.iter().try_for_each(|name| file::ensure_absent(&self.record(name)))
    }

    /// Keeps what scripts are told about their node. Blocking.
    pub(crate) fn set_environment(&self, environment: &Environment) -> Result<(), file::FileError> {
        let bytes = serde_json::to_vec(environment).expect("three texts are plain data");
        file::write_atomic(&self.environment, &bytes, 0o600)
    }

    /// Notes that an interrupt is on its way, or is done. Blocking.
    pub(crate) fn set_interrupting(&self, interrupting: bool) -> Result<(), file::FileError> {
        if interrupting {
            file::write_atomic(&self.interrupting, b"", 0o600)
        } else {
            file::ensure_absent(&self.interrupting)
        }
    }

    /// Returns whether an interrupt was on its way when an earlier agent ended. Blocking.
    pub(crate) fn was_interrupting(&self) -> bool {
        self.interrupting.exists()
    }

    fn record(&self, name: &str) -> PathBuf {
        self.records.join(name)
    }

    fn environment_of_scripts(&self) -> Vec<(String, String)> {
        let bytes = file::read(&self.environment).unwrap_or_default();
        let environment: Environment = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut variables = vec![
            ("MY_IP".to_owned(), environment.my_ip),
            ("MY_ROLE".to_owned(), environment.my_role),
            ("MASTER_IP".to_owned(), environment.master_ip),
        ];
        variables.extend(self.node_tag.clone().map(|tag| (NODE_VARIABLE.to_owned(), tag)));
        variables
    }
}

/// Returns a script's progress as the wire has it.
pub(crate) fn status(progress: Progress) -> ScriptStatus {
    match progress {
        Progress::NeverStarted => ScriptStatus::NeverStarted,
        Progress::Running(_) => ScriptStatus::Running,
        Progress::Ended(code) => ScriptStatus::Stopped(code),
    }
}
