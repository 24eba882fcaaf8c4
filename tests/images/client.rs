//! Somebody on the network of a booted machine, with the command line client.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::network::PI_ADDRESS;

/// The client, with a home of its own.
pub(crate) struct Client {
    home: PathBuf,
}

impl Client {
    /// Gets a certificate from the director on the machine.
    pub(crate) fn log_in(home: &Path, user: &str, password: &str) -> anyhow::Result<Self> {
        let client = Client { home: home.to_owned() };
        std::fs::create_dir_all(home.join(".conpaas"))?;
        let settings = format!("[cps-tools]\ndirector_url = https://{PI_ADDRESS}:5555\nusername = {user}\n");
        std::fs::write(home.join(".conpaas/cps-tools.conf"), settings)?;
        client.type_with_answer(&["user", "get_certificate"], &format!("{password}\n"))?;
        Ok(client)
    }

    /// Types `conpaas <words>` and gives what it prints.
    pub(crate) fn type_command(&self, words: &[&str]) -> anyhow::Result<String> {
        self.type_with_answer(words, "")
    }

    fn type_with_answer(&self, words: &[&str], answer: &str) -> anyhow::Result<String> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_conpaas"))
            .args(words)
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run the client")?;
        process.stdin.take().context("it was asked for")?.write_all(answer.as_bytes())?;
        let output = process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("`conpaas {}`: {said} {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(said)
    }
}
