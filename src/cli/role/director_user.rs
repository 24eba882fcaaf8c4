//! `conpaas director user`: what an operator does with users, on the director's machine.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::line::Outcome;
use crate::cli::output::printer::{PLAIN, Printer, write_out};
use crate::cli::output::prompt;
use crate::cli::output::table::{table, value_of};
use crate::config::locate_director_cfg;
use crate::director::local::{self, Running};

/// The words that follow `conpaas director user`.
#[derive(Debug, Args)]
pub(super) struct DirectorUserLine {
    #[command(subcommand)]
    command: DirectorUserCommand,
}

#[derive(Debug, Subcommand)]
enum DirectorUserCommand {
    /// Show users and their credit
    List {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
    /// Give a user another password, which is asked for; certificates stay good
    Password {
        /// The user's name
        username: String,
    },
    /// Give a user another name; applications and certificates stay
    Rename {
        /// The user's name
        username: String,
        /// The new name
        new_name: String,
    },
    /// Let a user do with all others what is done here with list, password and remove, from afar
    Administrator {
        /// The user's name
        username: String,
        /// Not any more
        #[arg(long)]
        off: bool,
    },
    /// Have no login of a user need a one-time code, who lost his phone and his recovery codes
    TotpOff {
        /// The user's name
        username: String,
    },
    /// Remove a user, with his applications
    Remove {
        /// The user's name
        username: String,
        /// Stop his applications first, which loses their services, volumes and code
        #[arg(long)]
        force: bool,
    },
}

/// A row of `list`.
#[derive(Serialize)]
struct UserRow {
    username: String,
    credit: i64,
}

impl DirectorUserLine {
    /// Does what the words say, with the director of this configuration. Blocking.
    ///
    /// # Errors
    /// There is no director here, no such user, or the director refuses.
    pub(super) fn run(self, config: Option<&Path>) -> Outcome {
        let config = locate_director_cfg(config);
        let text = match self.command {
            DirectorUserCommand::List { json } => return list(&config, json),
            DirectorUserCommand::Password { username } => set_password(&config, &username)?,
            DirectorUserCommand::Rename { username, new_name } => {
                local::rename_user(&config, &username, &new_name)?;
                format!("User '{username}' is called '{new_name}' now; he writes it into his cps-tools.conf.")
            }
            DirectorUserCommand::Administrator { username, off } => {
                local::set_administrator(&config, &username, !off)?;
                format!("User '{username}' is {} administrator.", if off { "no" } else { "an" })
            }
            DirectorUserCommand::TotpOff { username } => {
                let was_on = local::end_totp(&config, &username)?;
                format!(
                    "A login of '{username}' needs no one-time code{}.",
                    if was_on { " any more" } else { ": it needed none before" }
                )
            }
            DirectorUserCommand::Remove { username, force } => {
                local::remove_user(&config, &username, if force { Running::Stop } else { Running::Refuse })?;
                format!("User '{username}' is removed.")
            }
        };
        write_out(&format!("{text}\n"));
        Ok(ExitCode::SUCCESS)
    }
}

fn list(config: &Path, is_json: bool) -> Outcome {
    let users = local::list_users(config)?;
    let rows: Vec<UserRow> = users.into_iter().map(|(username, credit)| UserRow { username, credit }).collect();
    if is_json {
        write_out(&format!("{}\n", value_of(&rows)));
    } else if !rows.is_empty() {
        write_out(&format!("{}\n", table(&["username", "credit"], &rows)));
    }
    Ok(ExitCode::SUCCESS)
}

fn set_password(config: &Path, username: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let printer: Printer = PLAIN;
    let is_known = local::list_users(config)?.iter().any(|(name, _)| name == username);
    if !is_known {
        return Err(format!("Unknown user '{username}'").into());
    }
    let password = prompt::ask_twice(printer).map_err(|failure| failure.text)?;
    local::set_password(config, username, &password)?;
    Ok(format!("User '{username}' has the new password; certificates that he has stay good."))
}
