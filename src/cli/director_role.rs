//! `conpaas director`, `conpaas director init`, `conpaas director check`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use super::printer::write_out;
use crate::cloud::{Finding, Verdict};
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
        /// First make what a remote cloud lacks: security group, key pair, image
        #[arg(long)]
        fix: bool,
        /// The image of nodes (raw or qcow2), to be uploaded where the cloud has none
        #[arg(long, value_name = "FILE", requires = "fix")]
        image: Option<PathBuf>,
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
        Some(DirectorRoleCommand::Check { json, fix, image }) => {
            check(line.place.config.as_deref(), json, fix.then_some(image.as_deref()))
        }
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

/// `mend` is there to mend first, with the image to upload.
fn check(config: Option<&Path>, is_json: bool, mend: Option<Option<&Path>>) -> ExitCode {
    install_crypto();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("ERROR: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let config = locate_director_cfg(config);
    let findings = runtime.block_on(async {
        let mut findings = match mend {
            Some(image) => director::mend(&config, image).await,
            None => Vec::new(),
        };
        findings.extend(director::check(&config).await);
        findings
    });
    if is_json {
        let values: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "verdict": word(finding.verdict), "text": finding.text, "remedy": finding.remedy }))
            .collect();
        write_out(&format!("{}\n", json!(values)));
    } else {
        findings.iter().for_each(print_finding);
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print_finding(finding: &Finding) {
    let use_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (colour, plain) = match (use_colour, finding.verdict) {
        (false, _) => ("", ""),
        (true, Verdict::Good) => ("\u{1b}[32m", "\u{1b}[0m"),
        (true, Verdict::Warning) => ("\u{1b}[33m", "\u{1b}[0m"),
        (true, Verdict::Bad) => ("\u{1b}[31m", "\u{1b}[0m"),
    };
    write_out(&format!("{colour}{:<8}{plain} {}\n", word(finding.verdict), finding.text));
    if !finding.remedy.is_empty() && finding.verdict != Verdict::Good {
        write_out(&format!("         remedy: {}\n", finding.remedy));
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "ok",
        Verdict::Warning => "warning",
        Verdict::Bad => "ERROR",
    }
}

fn parse_option(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
    match parts {
        Some(((section, key), value)) => Ok((section.to_owned(), key.to_owned(), value.to_owned())),
        None => Err("write it as SECTION.KEY=VALUE".to_owned()),
    }
}
