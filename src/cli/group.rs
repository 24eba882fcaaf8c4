//! A group of sub-commands: a clap tree of its own, because ConPaaS 2.0 has a
//! program for each.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Subcommand};

use super::invocation::Action;
use super::output::argparse::ADDITIONS;

/// A group of sub-commands: `cps-<name>`, `cps-tools <name>`, `conpaas <name>`.
pub(crate) struct Group {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    augment: fn(Command) -> Command,
    /// Makes of what clap has read the action that is meant.
    pub read: fn(&ArgMatches) -> Result<Box<dyn Action>, clap::Error>,
}

impl Group {
    /// Returns the group whose sub-commands are `C`.
    pub(crate) const fn of<C: Subcommand + Action + 'static>(name: &'static str, about: &'static str) -> Self {
        Group { name, about, augment: C::augment_subcommands, read: read::<C> }
    }

    /// Returns the clap tree of the group when it is called `program`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let command = GlobalOptions::augment_args(Command::new(program.to_owned()).bin_name(program.to_owned()));
        let command = (self.augment)(command)
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .disable_version_flag(true)
            .disable_help_subcommand(true)
            .subcommand(Command::new("help").about("show help"))
            .subcommand_required(true)
            .infer_long_args(true)
            .subcommand_value_name("<sub-command>")
            .subcommand_help_heading("Sub-commands")
            .after_help(format!("See {program} <command> -h' for more information on a specific command."));
        named_as_upstream(command)
    }
}

/// Options of every command; upstream's stand before the sub-command.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalOptions {
    /// Tell errors with their causes
    #[arg(short, long)]
    pub debug: bool,
    /// Read this configuration file only
    #[arg(long = "conf_file", value_name = "FILE")]
    pub conf_file: Option<PathBuf>,
    /// Where the director answers: host, host:port or https://host:port
    #[arg(long = "director_url", value_name = "URL")]
    pub director_url: Option<String>,
    /// Your name at the director
    #[arg(long, value_name = "USERNAME")]
    pub username: Option<String>,
    /// Your password; better leave it out and be asked, as other users of this machine can read it here
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Write one JSON value for programs; also after the sub-command
    #[arg(long, global = true, help_heading = ADDITIONS)]
    json: bool,
}

fn read<C: Subcommand + Action + 'static>(matches: &ArgMatches) -> Result<Box<dyn Action>, clap::Error> {
    Ok(Box::new(C::from_arg_matches(matches)?))
}

/// Positionals are called by their field's name, and every command's help
/// begins with argparse's usage.
fn named_as_upstream(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let name = arg.get_id().to_string();
        if arg.is_positional() && arg.get_possible_values().is_empty() { arg.value_name(name) } else { arg }
    });
    let command = command.mut_subcommands(named_as_upstream);
    command.disable_help_subcommand(true)
}
