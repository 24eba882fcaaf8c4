//! `conpaas first-boot`: what an image does when it starts for the first
//! time, and what belongs to it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use crate::api::first_boot::FirstLogin;
use crate::cli::output::printer::write_out;
use crate::first_boot;
use crate::first_boot::{FirstBootError, Place, RunOptions};
use crate::sys::chain;

/// Make an image that just started into a machine of its own
#[derive(Debug, Parser)]
#[command(name = "conpaas first-boot", disable_help_subcommand = true)]
struct FirstBootLine {
    #[command(flatten)]
    place: PlaceOptions,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(subcommand)]
    command: Option<FirstBootCommand>,
}

#[derive(Debug, Args)]
struct PlaceOptions {
    /// Where the FAT partition is [default: boot/firmware below the root]
    #[arg(long, value_name = "DIR", global = true)]
    boot: Option<PathBuf>,
    /// The directory that stands for / of the machine; what needs a running machine is skipped
    #[arg(long, value_name = "DIR", default_value = "/", global = true)]
    root: PathBuf,
}

#[derive(Debug, Subcommand)]
enum FirstBootCommand {
    /// Look at a conpaas.txt before a card is written; ends with 1 when something cannot be used
    Check {
        /// The file
        file: PathBuf,
    },
    /// Show on the console where ConPaaS is
    Announce,
    /// Take the first login: shows it once, then it is gone
    Take {
        /// Print one JSON value; null when it was taken before
        #[arg(long)]
        json: bool,
    },
    /// Take an order of Raspberry Pi Imager's off the card that keeps the machine from starting
    ForgetScript,
}

/// What the role understands.
pub(crate) fn tree() -> Command {
    FirstBootLine::command()
}

pub(crate) fn run(words: &[String]) -> ExitCode {
    let words = std::iter::once("conpaas first-boot").chain(words.iter().map(String::as_str));
    let line = match FirstBootLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    let place = Place::new(&line.place.root, line.place.boot.as_deref());
    let outcome = match line.command {
        None => return first_boot::run(&RunOptions { place, is_dry: line.dry_run }),
        Some(FirstBootCommand::Check { file }) => return check(&file),
        Some(FirstBootCommand::Announce) => wait(first_boot::announce(&place)),
        Some(FirstBootCommand::Take { json }) => wait(take(&place, json)),
        Some(FirstBootCommand::ForgetScript) => first_boot::forget_script(&place).map(|was_there| {
            write_out(if was_there {
                "taken off the card: the machine starts as it should\n"
            } else {
                "nothing to do\n"
            });
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn wait(work: impl Future<Output = Result<(), FirstBootError>>) -> Result<(), FirstBootError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| FirstBootError::Kernel { action: "start", source })?;
    runtime.block_on(work)
}

fn check(file: &std::path::Path) -> ExitCode {
    let bytes = match crate::sys::file::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("ERROR: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let (lines, problems) = first_boot::check_settings(&name, &bytes);
    for line in lines {
        write_out(&format!("{line}\n"));
    }
    for problem in &problems {
        write_out(&format!("PROBLEM     {problem}\n"));
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn take(place: &Place, is_json: bool) -> Result<(), FirstBootError> {
    let login = first_boot::take_first_login(place)?;
    let text = match (&login, is_json) {
        (login, true) => serde_json::to_string(login).unwrap_or_default() + "\n",
        (None, false) => "The first login was taken before.\n".to_owned(),
        (Some(login), false) => shown(login),
    };
    write_out(&text);
    // Only now, so that whoever waits for the login does not wait for the console.
    first_boot::reload_console(place).await;
    Ok(())
}

fn shown(login: &FirstLogin) -> String {
    let line = |what: &str, login: &Option<crate::api::first_boot::Login>| {
        login.as_ref().map(|login| format!("{what}: {}, password {}\n", login.name, login.password)).unwrap_or_default()
    };
    line("ConPaaS user", &login.conpaas) + &line("account of this system", &login.system)
}
