//! A booted machine, over SSH.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::card::run;
use crate::network::PI_ADDRESS;

/// The key of somebody who flashes cards, and the machine that it opens.
pub(crate) struct Guest {
    key: PathBuf,
    user: String,
}

impl Guest {
    /// Makes a new key in `directory`.
    pub(crate) fn with_new_key(directory: &std::path::Path, user: &str) -> anyhow::Result<Self> {
        let key = directory.join("key");
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().context("a path in UTF-8")?])?;
        Ok(Guest { key, user: user.to_owned() })
    }

    /// The public half, for the settings on the card.
    pub(crate) fn public_key(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.key.with_extension("pub"))?.trim().to_owned())
    }

    /// Runs `command` as root on the machine, and gives what it printed.
    pub(crate) fn run(&self, command: &str) -> anyhow::Result<String> {
        self.run_as("sudo -n sh -c", command)
    }

    /// Runs `command` as the machine's user.
    pub(crate) fn run_as_user(&self, command: &str) -> anyhow::Result<String> {
        self.run_as("sh -c", command)
    }

    fn run_as(&self, shell: &str, command: &str) -> anyhow::Result<String> {
        let output = self.ssh(&format!("{shell} '{}'", command.replace('\'', r"'\''")))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("`{command}` on the machine ended with {}: {said} {}", output.status, complaint.trim());
        }
        Ok(said)
    }

    /// Waits until `command` succeeds there as root, and gives what it printed.
    pub(crate) fn wait_until(&self, command: &str, limit: Duration) -> anyhow::Result<String> {
        let end = Instant::now() + limit;
        loop {
            match self.run(command) {
                Ok(said) => return Ok(said),
                Err(error) if Instant::now() > end => {
                    return Err(error.context(format!("waited {} s for it", limit.as_secs())));
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(500)),
            }
        }
    }

    fn ssh(&self, command: &str) -> anyhow::Result<std::process::Output> {
        Command::new("ssh")
            .arg("-i")
            .arg(&self.key)
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5"])
            .args(["-F", "none", &format!("{}@{PI_ADDRESS}", self.user), command])
            .stdin(Stdio::null())
            .output()
            .context("cannot run ssh: .ci/deps boot installs it")
    }
}
