//! `conpaas director`, `conpaas director init`, `conpaas director check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use crate::cli::output::findings;
use crate::cli::output::printer::write_out;
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
        /// A further name or address that the certificate shall be good for; may be repeated
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
        /// Set an option of director.cfg, such as iaas.DRIVER=process; may be repeated
        #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = parse_option)]
        set: Vec<(String, String, String)>,
    },
    /// Find misconfiguration and say the remedy; ends with 1 when something will not work
    Check {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
        /// First make what a remote cloud lacks: security group, key pair, image
        #[arg(long)]
        fix: bool,
        /// The image of nodes (raw or qcow2), to be uploaded where the cloud has none
        #[arg(long, value_name = "FILE", requires = "fix")]
        image: Option<PathBuf>,
    },
    /// End all nodes and keep their data; a director that starts, or still runs, starts them again
    StopNodes,
}

/// Whether these words are the role's, and not the client group's.
pub(crate) fn takes(words: &[String]) -> bool {
    match words.first().map(String::as_str) {
        None | Some("init" | "check" | "stop-nodes" | "--config" | "--step-clock") => true,
        Some(word) => word.starts_with("--config="),
    }
}

/// What the role understands.
pub(crate) fn tree() -> Command {
    DirectorLine::command()
}

pub(crate) fn run(words: &[String]) -> ExitCode {
    let line =
        match DirectorLine::try_parse_from(std::iter::once("conpaas director").chain(words.iter().map(String::as_str)))
        {
            Ok(line) => line,
            Err(error) => error.exit(),
        };
    match line.command {
        None => director::run(&RunOptions { config: line.place.config, step_clock: line.step_clock }),
        Some(DirectorRoleCommand::Init { hostname, names, set }) => {
            init(&SetupOptions { config: locate_director_cfg(line.place.config.as_deref()), hostname, names, set })
        }
        Some(DirectorRoleCommand::Check { json, fix, image }) => {
            check(line.place.config.as_deref(), json, fix.then_some(image.as_deref()))
        }
        Some(DirectorRoleCommand::StopNodes) => stop_nodes(line.place.config.as_deref()),
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
        Err(error) => complain(&error),
    }
}

fn stop_nodes(config: Option<&Path>) -> ExitCode {
    let report = match finish(director::stop_nodes(&locate_director_cfg(config))) {
        Ok(report) => report,
        Err(error) => return complain(&error.into()),
    };
    for line in &report.stopped {
        write_out(&format!("{line}\n"));
    }
    for failure in &report.failures {
        eprintln!("ERROR: {failure}");
    }
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn finish<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

fn complain(error: &anyhow::Error) -> ExitCode {
    eprintln!("ERROR: {error:#}");
    ExitCode::FAILURE
}

/// `mend` is there to mend first, with the image to upload.
fn check(config: Option<&Path>, is_json: bool, mend: Option<Option<&Path>>) -> ExitCode {
    install_crypto();
    let config = locate_director_cfg(config);
    let work = async {
        let mut findings = match mend {
            Some(image) => director::mend(&config, image).await,
            None => Vec::new(),
        };
        findings.extend(director::check(&config).await);
        findings
    };
    let findings = match finish(work) {
        Ok(findings) => findings,
        Err(error) => return complain(&error.into()),
    };
    findings::report(&findings, is_json)
}

fn parse_option(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
    match parts {
        Some(((section, key), value)) => Ok((section.to_owned(), key.to_owned(), value.to_owned())),
        None => Err("write it as SECTION.KEY=VALUE".to_owned()),
    }
}
