//! `conpaas director`, `conpaas director init`, `conpaas director check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::findings;
use crate::config::locate_director_cfg;
use crate::director::{self, RunOptions, SetupOptions};
use crate::rpc::install_crypto;

/// Run the director, make one, or look for what is wrong with it
#[derive(Debug, Parser)]
#[command(name = "conpaas director", disable_help_subcommand = true)]
struct DirectorLine {
    #[command(flatten)]
    place: Place,
    /// Set a wrong clock right before starting
    #[arg(long)]
    step_clock: bool,
    #[command(subcommand)]
    command: Option<DirectorRoleCommand>,
}

#[derive(Debug, Args)]
struct Place {
    /// director.cfg [default: $DIRECTOR_CFG, or /etc/cpsdirector/director.cfg]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum DirectorRoleCommand {
    /// Make configuration, certificate authority, certificate and database; keeps what is there
    Init {
        /// Name or address by which users and nodes reach this machine
        #[arg(long, value_name = "HOST")]
        hostname: String,
        /// Set an option of director.cfg, such as iaas.DRIVER=process; may be repeated
        #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = parse_option)]
        set: Vec<(String, String, String)>,
    },
    /// Find misconfiguration and say the remedy; ends with 1 when something will not work
    Check {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
}

/// Whether these words are the role's, and not the client group's.
pub(super) fn takes(words: &[String]) -> bool {
    match words.first().map(String::as_str) {
        None | Some("init" | "check" | "--config" | "--step-clock") => true,
        Some(word) => word.starts_with("--config="),
    }
}

pub(super) fn run(words: &[String]) -> ExitCode {
    let line =
        match DirectorLine::try_parse_from(std::iter::once("conpaas director").chain(words.iter().map(String::as_str)))
        {
            Ok(line) => line,
            Err(error) => error.exit(),
        };
    match line.command {
        None => director::run(&RunOptions { config: line.place.config, step_clock: line.step_clock }),
        Some(DirectorRoleCommand::Init { hostname, set }) => {
            init(&SetupOptions { config: locate_director_cfg(line.place.config.as_deref()), hostname, set })
        }
        Some(DirectorRoleCommand::Check { json }) => check(line.place.config.as_deref(), json),
    }
}

fn init(options: &SetupOptions) -> ExitCode {
    install_crypto();
    match director::setup(options) {
        Ok(report) => {
            for line in report.lines {
                println!("{line}");
            }
            println!("The authority's fingerprint (SHA-256), for users to compare:\n  {}", report.fingerprint);
            println!("Next: 'conpaas director check', then 'conpaas director', then 'conpaas user create NAME'");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ERROR: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(config: Option<&Path>, is_json: bool) -> ExitCode {
    install_crypto();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("ERROR: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let findings = runtime.block_on(director::check(&locate_director_cfg(config)));
    findings::report(&findings, is_json)
}

fn parse_option(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
    match parts {
        Some(((section, key), value)) => Ok((section.to_owned(), key.to_owned(), value.to_owned())),
        None => Err("write it as SECTION.KEY=VALUE".to_owned()),
    }
}
