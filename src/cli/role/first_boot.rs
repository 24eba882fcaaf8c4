//! `conpaas first-boot`: what an image does when it starts for the first
//! time, and what belongs to it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::line::{Outcome, RoleLine};
use crate::api::first_boot::{FirstLogin, Login};
use crate::cli::output::printer::write_out;
use crate::first_boot;
use crate::first_boot::{FirstBootError, Place, RunOptions};
use crate::server;
use crate::sys::file;

/// Make an image that just started into a machine of its own
#[derive(Debug, Parser)]
#[command(name = "conpaas first-boot", disable_help_subcommand = true)]
pub(crate) struct FirstBootLine {
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

impl RoleLine for FirstBootLine {
    fn run(self) -> Outcome {
        let place = Place::new(&self.place.root, self.place.boot.as_deref());
        match self.command {
            None => return Ok(first_boot::run(&RunOptions { place, is_dry: self.dry_run })),
            Some(FirstBootCommand::Check { file }) => return check(&file),
            Some(FirstBootCommand::Announce) => server::complete(first_boot::announce(&place))??,
            Some(FirstBootCommand::Take { json }) => server::complete(take(&place, json))??,
            Some(FirstBootCommand::ForgetScript) => forget_script(&place)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn forget_script(place: &Place) -> Result<(), FirstBootError> {
    let was_there = first_boot::forget_script(place)?;
    write_out(if was_there { "taken off the card: the machine starts as it should\n" } else { "nothing to do\n" });
    Ok(())
}

fn check(path: &Path) -> Outcome {
    let bytes = file::read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (lines, problems) = first_boot::check_settings(&name, &bytes);
    for line in lines {
        write_out(&format!("{line}\n"));
    }
    for problem in &problems {
        write_out(&format!("PROBLEM     {problem}\n"));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    let line = |what: &str, login: &Option<Login>| {
        login.as_ref().map(|login| format!("{what}: {}, password {}\n", login.name, login.password)).unwrap_or_default()
    };
    line("ConPaaS user", &login.conpaas) + &line("account of this system", &login.system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logins_that_were_made_up_are_shown() {
        let login = |name: &str| Some(Login { name: name.to_owned(), password: "p".to_owned() });
        let both = FirstLogin { conpaas: login("ann"), system: login("pi") };
        assert_eq!(shown(&both), "ConPaaS user: ann, password p\naccount of this system: pi, password p\n");
        assert_eq!(shown(&FirstLogin { conpaas: None, system: None }), "");
    }
}
