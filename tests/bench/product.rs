//! The product as people use it: a director made by `nutshell up`, and its
//! commands typed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use conpaas::pki::Credentials;
use serde_json::Value;

use super::{talk, timed, world};

/// The name of the only application.
pub(crate) const APPLICATION: &str = "bench";
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Where the director's cloud keeps its nodes.
pub(crate) fn cloud_directory(state: &Path) -> PathBuf {
    state.join("nutshell/clouds/iaas")
}

/// A director with one user and one application.
pub(crate) struct Product {
    directory: PathBuf,
}

impl Product {
    /// Starts a director.
    pub(crate) fn up(state: &Path) -> anyhow::Result<Product> {
        let product = Product { directory: state.join("nutshell") };
        talk(format_args!("starting a director"));
        product.nutshell("up", &["--image", &world::root_file_system().to_string_lossy()])?;
        product.type_command(&["application", "create", APPLICATION])?;
        Ok(product)
    }

    /// Stops everything.
    pub(crate) fn down(&self) -> anyhow::Result<()> {
        self.nutshell("down", &["--purge"]).map(drop)
    }

    /// Where its certificates and its authority lie.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.directory.join("certs")
    }

    /// What the user shows.
    pub(crate) fn user(&self) -> anyhow::Result<Credentials> {
        Ok(Credentials::load(&self.directory.join("home/.conpaas"))?)
    }

    pub(crate) fn director_pid(&self) -> anyhow::Result<i32> {
        let text = fs::read_to_string(self.directory.join("director.json"))?;
        let process: Value = serde_json::from_str(&text)?;
        let pid = process["pid"].as_i64().context("director.json names no process")?;
        Ok(pid.try_into()?)
    }

    /// Runs `conpaas <words>` as its user.
    pub(crate) fn type_command(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(world::PROGRAM);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(words).env_clear().env("PATH", path).env("HOME", self.directory.join("home"));
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("conpaas {}: {}{}\n{}", words.join(" "), text, complaint, self.end_of_log())
    }

    /// Adds a service; it goes with the application's next stop.
    pub(crate) fn add_service(&self) -> anyhow::Result<()> {
        self.type_command(&["generic", "add", APPLICATION]).map(drop)
    }

    /// The id of the only service.
    pub(crate) fn service(&self) -> anyhow::Result<String> {
        let rows = self.rows(&["generic", "list"])?;
        let [row] = rows.as_slice() else { bail!("{} services instead of one", rows.len()) };
        Ok(row["sid"].to_string())
    }

    /// How long the manager took to start the service, by its own record.
    pub(crate) fn time_of_service_start(&self) -> anyhow::Result<Duration> {
        let entries = self.rows(&["generic", "get_history", APPLICATION, &self.service()?])?;
        let time_of = |state: &str| entries.iter().find(|entry| entry["state"] == state)?["time"].as_f64();
        let times = time_of("PROLOGUE").zip(time_of("RUNNING"));
        let (began, ended) = times.with_context(|| format!("the service's history is {entries:?}"))?;
        Ok(Duration::from_secs_f64((ended - began).max(0.0)))
    }

    /// How long the director took for each start of the application, by its log.
    pub(crate) fn times_of_application_start(&self) -> anyhow::Result<Vec<Duration>> {
        let log = fs::read_to_string(self.directory.join("director.log"))?;
        let lines = log.lines().filter(|line| line.contains("application running"));
        let time = |line: &str| line.split("elapsed_ms=").nth(1)?.split_whitespace().next()?.parse().ok();
        Ok(lines.filter_map(time).map(Duration::from_millis).collect())
    }

    /// Adds nodes, timed, and takes them away again.
    pub(crate) fn add_nodes(&self, n: usize) -> anyhow::Result<Duration> {
        let (count, sid) = (n.to_string(), self.service()?);
        let time = timed(|| self.type_command(&["generic", "add_nodes", "--count", &count, APPLICATION, &sid]))?;
        let nodes = self.rows(&["generic", "list_nodes", APPLICATION, &sid])?;
        ensure!(nodes.len() == n + 1, "{} nodes instead of {}", nodes.len(), n + 1);
        self.type_command(&["generic", "remove_nodes", "--count", &count, APPLICATION, &sid])?;
        self.wait_for_nodes(2)?;
        Ok(time)
    }

    /// Stops the application and waits until its nodes are gone.
    pub(crate) fn stop_application(&self) -> anyhow::Result<()> {
        self.type_command(&["application", "stop", "--yes", APPLICATION])?;
        self.wait_for_nodes(0)
    }

    fn wait_for_nodes(&self, n: usize) -> anyhow::Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let nodes = fs::read_dir(self.directory.join("clouds/iaas/nodes"))?.count();
            if nodes == n {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{nodes} nodes are left instead of {n}");
            std::thread::sleep(LOOK);
        }
    }

    fn rows(&self, words: &[&str]) -> anyhow::Result<Vec<Value>> {
        let answer = self.type_command(&[words, &["--json"]].concat())?;
        serde_json::from_str(&answer).with_context(|| format!("`{}` answered {answer}", words.join(" ")))
    }

    fn nutshell(&self, action: &str, options: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(world::PROGRAM);
        command.args(["nutshell", action, "--cloud", "lxc", "--state-dir"]).arg(&self.directory).args(options);
        let output = command.env_remove("NETNS").output()?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "nutshell {action}: {complaint}\n{}", self.end_of_log());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.directory.join("director.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}
