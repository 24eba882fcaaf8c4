//! From the words of a command line to a group's action, its session, and an exit code.

use std::path::{Path, PathBuf};

use clap::Command;
use clap::error::ErrorKind;

use super::group::{GlobalOptions, Group};
use super::invocation::{Action, Invocation};
use super::output::argparse;
use super::output::printer::{Printer, Reply, write_out};
use crate::client::error::Failure;
use crate::config::ClientConfig;
use crate::server;
use crate::sys::file;

/// Reads `words` for `group`, called `program`, runs them, and returns the exit code.
pub(crate) fn run(group: &Group, program: &str, words: &[String]) -> u8 {
    let command = group.command(program);
    // Behind `--` stands a command that has options of its own.
    let is_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
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
    let read = GlobalOptions::read(&matches).and_then(|options| Ok((options, (group.read)(&matches)?)));
    let (options, action) = match read {
        Ok(read) => read,
        Err(error) => return refused(program, &command, words, is_json, &error),
    };
    let run = match settings(&options, printer) {
        Ok((settings, printer)) => Invocation::new(settings, printer, program),
        Err(failure) => return Printer { is_debug: options.debug, ..printer }.failure(&failure),
    };
    match run_action(action, &run) {
        Ok(reply) => run.printer.reply(&reply),
        Err(failure) => run.printer.failure(&failure),
    }
}

/// The help of a whole group.
fn help(mut command: Command, program: &str) -> String {
    let usage = argparse::usage(program, &command);
    let usage = usage.strip_prefix("usage: ").unwrap_or(&usage).to_owned();
    command = command.override_usage(usage);
    command.render_help().to_string()
}

fn run_action(action: Box<dyn Action>, run: &Invocation) -> Result<Reply, Failure> {
    crate::rpc::install_crypto();
    let outcome = server::complete(action.run(run));
    outcome.map_err(|error| Failure::said(format!("cannot start: {error}")))?
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
    // A home directory that is missing stays so: other programs take it for a sign that there is none.
    let has_home = settings.state_dir.parent().is_some_and(Path::is_dir);
    if has_home && !settings.state_dir.exists() {
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
            printer.usage_error(&argparse::usage_of(program, command, words), text.trim_start_matches("error: "))
        }
    }
}
