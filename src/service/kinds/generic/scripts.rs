//! The five scripts of a node and their contract (reference: `docs/reference/agent-api.md` §3).
//!
//! What is known of them lies in files, so that an agent that was killed and
//! started again knows as much as before: one record per script in
//! `<VAR_TMP>/scripts`, the environment in `<VAR_TMP>/environment.json`, and in
//! `<VAR_TMP>/program.json` the wanted run of `run.sh`. All of them survive a
//! power cut, which `<VAR_RUN>` does not.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::logs::{AGENT_ERR, AGENT_OUT};
use super::{script_text, similar};
use crate::api::agent::{MissingScript, ScriptStatus};
use crate::api::environment::Variables;
use crate::config::AgentConfig;
use crate::service::environment::LinkFiles;
use crate::service::error::MethodError;
use crate::service::wanted_file::WantedFile;
use crate::supervise::script;
use crate::supervise::script::{Lasts, OutputLimits, Progress, Supervised};
use crate::sys::process::NODE_VARIABLE;
use crate::sys::{self, file};

/// The name before every line in the agent's log.
pub(crate) const LOGGER: &str = "conpaas.core.agent";

/// The scripts' names, in the order of ConPaaS 2.0.
pub(crate) const SCRIPTS: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];

/// What scripts are told of their node, whatever a user sets.
const OWN_VARIABLES: [&str; 3] = ["MY_IP", "MY_ROLE", "MASTER_IP"];
const KILL_GRACE: Duration = Duration::from_secs(5);
/// A script that prints faster waits; its node has other work too.
const OUTPUT_BYTES_PER_SECOND: u64 = 32 << 20;
/// The newest output, and what was before it.
const N_OUTPUT_FILES: u32 = 2;

/// What scripts are told about their node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) my_ip: String,
    pub(crate) my_role: String,
    pub(crate) master_ip: String,
}

/// What a node is to run until somebody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedProgram {
    /// The parameters of `run.sh`.
    pub(crate) parameters: String,
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
    variables: PathBuf,
    links: LinkFiles,
    interrupting: PathBuf,
    program: PathBuf,
    home: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
    output: OutputLimits,
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
            variables: base.rooted(&base.var_tmp).join("variables.json"),
            links: LinkFiles::new(&base.root, None),
            interrupting: base.rooted(&base.var_tmp).join("interrupting"),
            program: base.rooted(&base.var_tmp).join("program.json"),
            home: base.rooted(&base.conpaas_home),
            stdout: base.rooted(AGENT_OUT.path),
            stderr: base.rooted(AGENT_ERR.path),
            output: OutputLimits {
                file_bytes: base.script_output_bytes / u64::from(N_OUTPUT_FILES),
                n_files: N_OUTPUT_FILES,
                bytes_per_second: OUTPUT_BYTES_PER_SECOND,
            },
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

    /// Takes from the scripts of `code` what only other systems put into text. Blocking.
    pub(crate) fn mend(code: &Path) -> Result<(), file::FileError> {
        for name in SCRIPTS {
            let place = code.join(name);
            // A link leads to a file that is not a script of its own.
            let Some(metadata) = std::fs::symlink_metadata(&place).ok().filter(std::fs::Metadata::is_file) else {
                continue;
            };
            if metadata.len() > script_text::MAX_BYTES {
                continue;
            }
            let script = file::read(&place)?;
            for oddity in script_text::oddities(&script) {
                tracing::warn!(target: LOGGER, "Script {}", oddity.text(name));
            }
            if let Some(mended) = script_text::mended(&script) {
                file::write_atomic(&place, &mended, metadata.permissions().mode())?;
            }
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

    /// Starts a script of the active code; returns what is known of it if the code does not have it.
    pub(crate) async fn start(&self, name: &str, parameters: &str) -> Result<Option<MissingScript>, MethodError> {
        let script = self.code.join(name);
        if !script.is_file() {
            tracing::error!(target: LOGGER, "Script '{name}' does not exist in the active code tarball");
            let (code, script) = (self.code.clone(), name.to_owned());
            let similar = sys::blocking(move || similar::find(&code, &script)).await;
            return Ok(Some(MissingScript { name: name.to_owned(), similar }));
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
        // What run.sh leaves in the background serves in its place. What another script leaves there, such as
        // a server of the system that init.sh installed, does not keep run.sh from being run.
        let lasts = if name == Command::Run.script() { Lasts::All } else { Lasts::First };
        let started = script::start(&wanted, self.output, lasts).await;
        started.map_err(|error| MethodError::refused(format!("cannot run script '{name}': {error}")))?;
        tracing::info!(target: LOGGER, "Script '{name}' is running");
        Ok(None)
    }

    /// Ends all running scripts with everything that they started.
    pub(crate) async fn kill_running(&self) {
        let scripts = self.clone();
        let running = sys::blocking(move || {
            let progress = scripts.progress().into_iter();
            let running = progress.filter(|(_, progress)| matches!(progress, Progress::Running(_)));
            running.map(|(name, _)| scripts.record(name)).collect()
        })
        .await;
        tracing::info!(target: LOGGER, "Killing all running processes");
        script::terminate(running, KILL_GRACE).await;
    }

    /// Ends everything that scripts of the active code started, also what those left behind that have ended.
    pub(crate) async fn kill_all(&self) {
        tracing::info!(target: LOGGER, "Killing all running processes");
        script::terminate(SCRIPTS.map(|name| self.record(name)).to_vec(), KILL_GRACE).await;
    }

    /// Forgets how scripts ended, and what is wanted of them, as after new code. Blocking.
    pub(crate) fn forget(&self) -> Result<(), file::FileError> {
        self.want(None)?;
        SCRIPTS.iter().try_for_each(|name| file::ensure_absent(&self.record(name)))
    }

    /// Writes down whether `run.sh` is to run, also after the node was without power. Blocking.
    pub(crate) fn want(&self, program: Option<&WantedProgram>) -> Result<(), file::FileError> {
        match program {
            Some(program) => {
                let bytes = serde_json::to_vec(program).expect("a text is plain data");
                file::write_atomic(&self.program, &bytes, 0o600)
            }
            None => file::ensure_absent(&self.program),
        }
    }

    /// Returns what has to be started again, and its parameters: `run.sh`, if it is wanted and did not end by itself,
    /// or an `init.sh` that was broken off. Blocking.
    pub(crate) fn broken_off(&self) -> Option<(&'static str, String)> {
        if self.any_is_running() {
            return None;
        }
        let init = self.record("init.sh");
        if script::was_broken_off(&init) {
            return Some(("init.sh", String::new()));
        }
        let run = Command::Run.script();
        let wanted: WantedProgram = serde_json::from_slice(&file::read(&self.program).ok()?).ok()?;
        let is_over = match script::progress(&self.record(run)) {
            Progress::Ended(code) => !was_killed(code),
            Progress::NeverStarted | Progress::Running(_) => false,
        };
        if is_over { None } else { Some((run, wanted.parameters)) }
    }

    /// Keeps what scripts are told about their node. Blocking.
    pub(crate) fn set_environment(&self, environment: &Environment) -> Result<(), file::FileError> {
        let bytes = serde_json::to_vec(environment).expect("three texts are plain data");
        file::write_atomic(&self.environment, &bytes, 0o600)
    }

    /// Keeps the environment that the service has for its programs, links included. Blocking.
    pub(crate) fn set_variables(&self, variables: &Variables) -> Result<(), MethodError> {
        WantedFile::at(self.variables.clone()).write(variables).map_err(MethodError::from)
    }

    /// Writes the files of links. Blocking.
    pub(crate) fn write_links(&self) -> Result<(), MethodError> {
        self.links.write(&self.kept_variables()?)
    }

    fn kept_variables(&self) -> Result<Variables, file::FileError> {
        WantedFile::at(self.variables.clone()).read()
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
        let kept = self.kept_variables().unwrap_or_else(|error| {
            tracing::error!(target: LOGGER, "{}", sys::chain(&error));
            Variables::default()
        });
        variables.extend(kept.0.into_iter().filter(|(name, _)| !OWN_VARIABLES.contains(&name.as_str())));
        variables.extend(self.node_tag.clone().map(|tag| (NODE_VARIABLE.to_owned(), tag)));
        variables
    }
}

/// Returns whether a signal ended a script: `bash` says so of what it waited for by a code above 128.
fn was_killed(code: i32) -> bool {
    const HIGHEST_SIGNAL: i32 = 64;
    code < 0 || (129..=128 + HIGHEST_SIGNAL).contains(&code)
}

/// Returns a script's progress as the wire has it.
pub(crate) fn status(progress: Progress) -> ScriptStatus {
    match progress {
        Progress::NeverStarted => ScriptStatus::NeverStarted,
        Progress::Running(_) => ScriptStatus::Running,
        Progress::Ended(code) => ScriptStatus::Stopped(code),
    }
}
