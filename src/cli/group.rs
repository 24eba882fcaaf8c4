//! A group of sub-commands: a clap tree of its own, because ConPaaS 2.0 has a
//! program for each. A command of one word is a group without sub-commands.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};

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
    has_sub_commands: bool,
}

impl Group {
    /// Returns the group whose sub-commands are `C`.
    pub(crate) const fn of<C: Subcommand + Action + 'static>(name: &'static str, about: &'static str) -> Self {
        Group { name, about, augment: C::augment_subcommands, read: read::<C>, has_sub_commands: true }
    }

    /// Returns the command of one word that takes `C`.
    pub(crate) const fn of_one<C: Args + Action + 'static>(name: &'static str, about: &'static str) -> Self {
        Group { name, about, augment: C::augment_args, read: read::<C>, has_sub_commands: false }
    }

    /// Returns the clap tree of the group when it is called `program`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let command = GlobalOptions::augment_args(Command::new(program.to_owned()).bin_name(program.to_owned()));
        let command = (self.augment)(command)
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .disable_version_flag(true)
            .infer_long_args(true);
        if !self.has_sub_commands {
            return named_as_upstream(command);
        }
        let command = command
            .disable_help_subcommand(true)
            .subcommand(Command::new("help").about("show help"))
            .subcommand_required(true)
            .subcommand_value_name("<sub-command>")
            .subcommand_help_heading("Sub-commands")
            .after_help(format!("See {program} <command> -h' for more information on a specific command."));
        also_after(named_as_upstream(command))
    }
}

/// Options of every command by their ids before and after the sub-command.
const AFTER: [(&str, &str); 5] = [
    ("debug", "after_debug"),
    ("conf_file", "after_conf_file"),
    ("director_url", "after_director_url"),
    ("username", "after_username"),
    ("password", "after_password"),
];

/// Lets the options of every command stand after the sub-command too. One that has an option of that name keeps its own.
fn also_after(command: Command) -> Command {
    let options: Vec<Arg> = command.get_arguments().cloned().collect();
    command.mut_subcommands(|sub| {
        let is_free = |option: &Arg| {
            let has_name = |own: &Arg| {
                own.get_long() == option.get_long()
                    || (option.get_short().is_some() && own.get_short() == option.get_short())
            };
            !sub.get_arguments().any(has_name)
        };
        let after = |option: &Arg| {
            let (_, id) = AFTER.iter().find(|(before, _)| option.get_id() == *before)?;
            Some(option.clone().id(*id).hide(true))
        };
        let added: Vec<Arg> = options.iter().filter(|option| is_free(option)).filter_map(after).collect();
        sub.args(added)
    })
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

impl GlobalOptions {
    /// Reads the options before the sub-command and after it; the later ones count.
    ///
    /// # Errors
    /// The matches are of another command.
    pub(crate) fn read(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = GlobalOptions::from_arg_matches(matches)?;
        let Some((_, after)) = matches.subcommand() else { return Ok(options) };
        let text = |id: &str| after.try_get_one::<String>(id).ok().flatten().cloned();
        options.debug |= after.try_get_one::<bool>("after_debug").ok().flatten().copied().unwrap_or_default();
        let conf_file = after.try_get_one::<PathBuf>("after_conf_file").ok().flatten().cloned();
        options.conf_file = conf_file.or(options.conf_file);
        options.director_url = text("after_director_url").or(options.director_url);
        options.username = text("after_username").or(options.username);
        options.password = text("after_password").or(options.password);
        Ok(options)
    }
}

fn read<C: FromArgMatches + Action + 'static>(matches: &ArgMatches) -> Result<Box<dyn Action>, clap::Error> {
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
