//! The product as people use it: a director made by `nutshell up`, and its
//! commands typed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use conpaas::pki::Credentials;
use serde_json::Value;

use super::wait::try_until_within;

/// Names another program to be tried, such as one that is linked statically, or that of another commit.
const OTHER_PROGRAM: &str = "CONPAAS_BENCH_PROGRAM";

/// The program that is tried.
pub(crate) fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var(OTHER_PROGRAM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_conpaas").to_owned()))
}

const LIMIT: Duration = Duration::from_secs(60);

/// Where the director's cloud keeps its nodes.
pub(crate) fn cloud_directory(state: &Path) -> PathBuf {
    state.join("nutshell/clouds/iaas")
}

/// The root file system of nodes for some kinds of service, shared with the tests of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RootFileSystem {
    name: &'static str,
    /// As `conpaas image build` takes them.
    pub(crate) services: &'static str,
}

impl RootFileSystem {
    /// Nodes that run programs of users.
    pub(crate) const CONTAINERS: Self =
        RootFileSystem { name: "containers", services: "generic,helloworld,development" };
    /// Nodes of every kind.
    pub(crate) const ENGINES: Self =
        RootFileSystem { name: "engines", services: "generic,helloworld,java,mysql,php,xtreemfs,development" };

    /// Where it is.
    pub(crate) fn path(self) -> PathBuf {
        Path::new("/var/tmp/conpaas-test").join(self.name)
    }
}

/// A director with one user.
pub(crate) struct Product {
    pub(crate) directory: PathBuf,
    nodes: RootFileSystem,
}

impl Product {
    /// Starts a director whose nodes have the root file system `nodes`.
    pub(crate) fn up(state: &Path, nodes: RootFileSystem) -> anyhow::Result<Product> {
        let product = Product { directory: state.join("nutshell"), nodes };
        product.ensure_up()?;
        Ok(product)
    }

    /// Starts the director again if it does not run.
    pub(crate) fn ensure_up(&self) -> anyhow::Result<()> {
        self.nutshell("up", &["--image", &self.nodes.path().to_string_lossy()]).map(drop)
    }

    /// Stops everything.
    pub(crate) fn down(&self) -> anyhow::Result<()> {
        self.nutshell("down", &["--purge"]).map(drop)
    }

    /// Stops everything that runs; the data stays.
    pub(crate) fn down_and_keep(&self) -> anyhow::Result<()> {
        self.nutshell("down", &[]).map(drop)
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

    /// The home of its user.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// Runs `conpaas <words>` as its user.
    pub(crate) fn type_command(&self, words: &[&str]) -> anyhow::Result<String> {
        self.finish(Command::new(program()), &self.home(), words)
    }

    /// Runs `conpaas <words>` as the user whose certificate is in `home`; fails when that takes too long.
    pub(crate) fn type_in(&self, home: &Path, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("timeout");
        command.args([&LIMIT.as_secs().to_string(), program()]);
        self.finish(command, home, words)
    }

    fn finish(&self, mut command: Command, home: &Path, words: &[&str]) -> anyhow::Result<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(words).env_clear().env("PATH", path).env("HOME", home);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let (status, complaint) = (output.status, String::from_utf8_lossy(&output.stderr).into_owned());
        bail!("conpaas {}: {status}: {text}{complaint}\n{}", words.join(" "), self.end_of_log())
    }

    /// Waits until its cloud has so many nodes.
    pub(crate) fn wait_for_nodes(&self, n: usize) -> anyhow::Result<()> {
        let count = || fs::read_dir(self.directory.join("clouds/iaas/nodes")).map_or(0, Iterator::count);
        let there = try_until_within(LIMIT, || (count() == n).then_some(()));
        there.with_context(|| format!("{} nodes are left instead of {n}", count()))
    }

    /// What `conpaas <words> --json` answers.
    pub(crate) fn rows(&self, words: &[&str]) -> anyhow::Result<Vec<Value>> {
        let answer = self.type_command(&[words, &["--json"]].concat())?;
        serde_json::from_str(&answer).with_context(|| format!("`{}` answered {answer}", words.join(" ")))
    }

    fn nutshell(&self, action: &str, options: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(program());
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
