//! From the words of a command line to a group of commands, its options and
//! one action. A group is a clap tree of its own, because ConPaaS 2.0 has a
//! program for each.

use std::path::PathBuf;

use async_trait::async_trait;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::output::argparse;
use super::output::argparse::ADDITIONS;
use super::output::printer::{Printer, Reply, write_out};
use crate::client::error::Failure;
use crate::client::session::Session;
use crate::config::ClientConfig;
use crate::sys::file;

/// What a sub-command does.
#[async_trait(?Send)]
pub(crate) trait Action {
    /// Does it. What it prints while it works goes through the session's printer.
    ///
    /// # Errors
    /// In the words that the user sees.
    async fn run(self: Box<Self>, session: &Session) -> Result<Reply, Failure>;
}

/// A group of sub-commands: `cps-<name>`, `cps-tools <name>`, `conpaas <name>`.
pub(crate) struct Group {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    augment: fn(Command) -> Command,
    read: fn(&ArgMatches) -> Result<Box<dyn Action>, clap::Error>,
}

impl Group {
    /// The group whose sub-commands are `C`.
    pub(crate) const fn of<C: Subcommand + Action + 'static>(name: &'static str, about: &'static str) -> Self {
        Group { name, about, augment: C::augment_subcommands, read: read::<C> }
    }

    /// The clap tree of the group when it is called `program`.
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
    debug: bool,
    /// Read this configuration file only
    #[arg(long = "conf_file", value_name = "FILE")]
    conf_file: Option<PathBuf>,
    /// Where the director answers: host, host:port or https://host:port
    #[arg(long = "director_url", value_name = "URL")]
    director_url: Option<String>,
    /// Your name at the director
    #[arg(long, value_name = "USERNAME")]
    username: Option<String>,
    /// Your password; better leave it out and be asked, as other users of this machine can read it here
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Write one JSON value for programs; also after the sub-command
    #[arg(long, global = true, help_heading = ADDITIONS)]
    json: bool,
}

/// Reads `words` for `group`, called `program`, runs them, and gives the exit code.
pub(crate) fn run(group: &Group, program: &str, words: &[String]) -> u8 {
    let command = group.command(program);
    let is_json = words.iter().any(|word| word == "--json");
    let matches =
        match command.clone().try_get_matches_from(std::iter::once(program.to_owned()).chain(words.iter().cloned())) {
            Ok(matches) => matches,
            Err(error) => return refused(program, &command, words, is_json, &error),
        };
    if matches.subcommand_name() == Some("help") {
        write_out(&help(command, program));
        return 0;
    }
    let printer = Printer { is_json, is_debug: false };
    let read = GlobalOptions::from_arg_matches(&matches).and_then(|options| Ok((options, (group.read)(&matches)?)));
    let (options, action) = match read {
        Ok(read) => read,
        Err(error) => return refused(program, &command, words, is_json, &error),
    };
    let session = match settings(&options, printer) {
        Ok((settings, printer)) => Session::new(printer, settings),
        Err(failure) => return Printer { is_debug: options.debug, ..printer }.failure(&failure),
    };
    match run_action(action, &session) {
        Ok(reply) => session.printer.reply(&reply),
        Err(failure) => session.printer.failure(&failure),
    }
}

/// The help of a whole group.
fn help(mut command: Command, program: &str) -> String {
    let usage = argparse::usage(program, &command);
    let usage = usage.strip_prefix("usage: ").unwrap_or(&usage).to_owned();
    command = command.override_usage(usage);
    command.render_help().to_string()
}

fn run_action(action: Box<dyn Action>, session: &Session) -> Result<Reply, Failure> {
    crate::rpc::install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    runtime.block_on(action.run(session))
}

fn settings(options: &GlobalOptions, printer: Printer) -> Result<(ClientConfig, Printer), Failure> {
    let missing_home = || Failure::said("the environment variable HOME is not set: it says where ~/.conpaas is");
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).ok_or_else(missing_home)?;
    let mut settings = ClientConfig::read(&PathBuf::from(home), options.conf_file.as_deref())?;
    if let Some(url) = &options.director_url {
        settings.director_url = Some(url.parse().map_err(Failure::said)?);
    }
    settings.username = options.username.clone().or(settings.username);
    settings.password = options.password.clone().or(settings.password);
    settings.is_debug |= options.debug;
    for warning in &settings.warnings {
        printer.note(&format!("WARNING - {warning}"));
    }
    if !settings.state_dir.exists() {
        // Where it cannot be made there are no certificates either, and that is told when they are needed.
        let _told_later = file::ensure_private_directory(&settings.state_dir);
    }
    let printer = Printer { is_debug: settings.is_debug, ..printer };
    Ok((settings, printer))
}

/// Help that was asked for, or a usage error in argparse's words.
fn refused(program: &str, command: &Command, words: &[String], is_json: bool, error: &clap::Error) -> u8 {
    if error.kind() == ErrorKind::DisplayHelp {
        write_out(&error.render().to_string());
        return 0;
    }
    let printer = Printer { is_json, is_debug: false };
    match argparse::explain(program, command, words) {
        Some(error) => printer.usage_error(&error.usage, &error.text),
        None => {
            let text = error.render().to_string();
            let text = text.lines().next().unwrap_or_default();
            printer.usage_error(&argparse::usage(program, command), text.trim_start_matches("error: "))
        }
    }
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
