//! `conpaas director [run]`, `conpaas director init`, `conpaas director check`:
//! what is done on the director's machine.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::failure::Failure;
use super::printer::{Printer, write_out};
use crate::cloud::{Finding, Verdict};
use crate::config::locate_director_cfg;
use crate::director::{self, RunOptions, SetupOptions};

/// The director: users, applications, clouds. Without a sub-command it runs until it is told to stop
#[derive(Debug, Parser)]
#[command(name = "conpaas director", disable_help_subcommand = true)]
struct DirectorLine {
    /// The director's configuration [default: $DIRECTOR_CFG, else /etc/cpsdirector/director.cfg]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    run: RunArguments,
    #[command(subcommand)]
    command: Option<DirectorRole>,
}

#[derive(Debug, Clone, Copy, Args)]
struct RunArguments {
    /// Set the clock right if it is wrong (needs root)
    #[arg(long)]
    step_clock: bool,
}

#[derive(Debug, Subcommand)]
enum DirectorRole {
    /// Run the director until it is told to stop
    Run(RunArguments),
    /// Make configuration, certificate authority, certificate and database, where they are missing
    Init {
        /// The name or address by which nodes and users reach this machine
        #[arg(long)]
        hostname: String,
        /// An option of director.cfg to set, such as iaas.DRIVER=process; may be repeated
        #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = setting)]
        set: Vec<(String, String, String)>,
    },
    /// Find what is wrong on this machine, and say the remedy
    Check,
}

/// Whether what follows `director` is for the machine; the rest is for the client's group.
pub(super) fn takes(words: &[String]) -> bool {
    let Some(first) = words.first() else { return true };
    matches!(first.as_str(), "run" | "init" | "check" | "--config" | "--step-clock") || first.starts_with("--config=")
}

/// Does what `words`, which follow `director`, say.
pub(super) fn main(words: &[String]) -> ExitCode {
    let words = std::iter::once("conpaas director").chain(words.iter().map(String::as_str));
    let line = match DirectorLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => {
            let _nobody_reads = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match line.command {
        None => run(line.config, line.run),
        Some(DirectorRole::Run(arguments)) => run(line.config, arguments),
        Some(DirectorRole::Init { hostname, set }) => init(line.config, hostname, set),
        Some(DirectorRole::Check) => check(line.config),
    }
}

fn run(config: Option<PathBuf>, arguments: RunArguments) -> ExitCode {
    director::run(&RunOptions { config, step_clock: arguments.step_clock })
}

fn init(config: Option<PathBuf>, hostname: String, set: Vec<(String, String, String)>) -> ExitCode {
    let config = locate_director_cfg(config.as_deref());
    match director::setup(&SetupOptions { config, hostname, set }) {
        Ok(report) => {
            let lines: String = report.lines.iter().map(|line| format!("{line}\n")).collect();
            write_out(&format!(
                "{lines}The authority's SHA-256 fingerprint, for users to compare:\n{}\n",
                report.fingerprint
            ));
            ExitCode::SUCCESS
        }
        Err(error) => complain(&format!("{error:#}")),
    }
}

fn check(config: Option<PathBuf>) -> ExitCode {
    crate::rpc::install_crypto();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    let findings = runtime.block_on(director::check(&locate_director_cfg(config.as_deref())));
    write_out(&findings.iter().map(shown).collect::<String>());
    let is_bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn shown(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Good => "OK:",
        Verdict::Warning => "W:",
        Verdict::Bad => "E:",
    };
    let remedy = if finding.remedy.is_empty() { String::new() } else { format!("\n   {}", finding.remedy) };
    format!("{word} {}{remedy}\n", finding.text)
}

fn setting(text: &str) -> Result<(String, String, String), String> {
    let wrong = || format!("'{text}' is not SECTION.KEY=VALUE");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (section, key) = name.split_once('.').ok_or_else(wrong)?;
    Ok((section.trim().to_owned(), key.trim().to_owned(), value.trim().to_owned()))
}

fn complain(text: &str) -> ExitCode {
    ExitCode::from(Printer { is_json: false, is_debug: false }.failure(&Failure::said(text)))
}
