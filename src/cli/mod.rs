//! The command line: ConPaaS 2.0's client, and the door to the roles.
//!
//! `conpaas <group> <sub-command>`, `cps-tools <group> <sub-command>` and
//! `cps-<group> <sub-command>` are the same. Texts, tables and exit codes are
//! upstream's (reference: `docs/reference/cli.md`); where ours differ, `docs/reference/cli-deviations.md`
//! says so. A new group is one file with a [`command_line::Action`] and one line in
//! [`GROUPS`].
//!
//! Must not know: sockets, SQL, how a cloud works. It only calls and prints.

pub(crate) mod command;
mod command_line;
mod completion;
pub(crate) mod kind;
mod manual;
pub(crate) mod output;
mod role;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use clap_complete::Shell;

use command::application::ApplicationCommand;
use command::cloud::CloudCommand;
use command::director::DirectorCommand;
use command::service::ServiceCommand;
use command::user::UserCommand;
use command_line::Group;
use kind::generic::GenericCommand;
use kind::helloworld::HelloworldCommand;
use output::printer::{Printer, write_out};

use crate::supervise::script;

/// Every group of sub-commands.
const GROUPS: &[Group] = &[
    Group::of::<UserCommand>("user", "Manage ConPaaS users."),
    Group::of::<CloudCommand>("cloud", "Manage ConPaaS clouds."),
    Group::of::<ApplicationCommand>("application", "Manage ConPaaS applications."),
    Group::of::<ServiceCommand>("service", "Manage ConPaaS services."),
    Group::of::<DirectorCommand>("director", "Manage ConPaaS director."),
    Group::of::<GenericCommand>("generic", "Manage ConPaaS generic services."),
    Group::of::<HelloworldCommand>("helloworld", "Manage ConPaaS helloworld services."),
];

/// Parses the command line, runs what it names, and gives the exit code.
pub fn main() -> ExitCode {
    // Before anything else: it forks, which only a process of one thread may do.
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = crate::cloud::local::lxc::hidden(&arguments) {
        return code;
    }
    if arguments.get(1).is_some_and(|word| word == script::SUPERVISE) {
        return script::supervise(&arguments[2..]);
    }
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Result<Vec<String>, OsString> = words.map(OsString::into_string).collect();
    let Ok(words) = words else {
        eprintln!("ERROR: an argument is not UTF-8 text");
        return ExitCode::from(2);
    };
    dispatch(&program, words)
}

fn dispatch(program: &str, mut words: Vec<String>) -> ExitCode {
    if let Some(name) = program.strip_prefix("cps-").filter(|name| *name != "tools") {
        return match find(name) {
            Some(group) => ExitCode::from(command_line::run(group, program, &words)),
            None => unknown(program, name),
        };
    }
    let program = match words.first().map(String::as_str) {
        Some("cps-tools") => words.remove(0),
        _ => program.to_owned(),
    };
    if program != "cps-tools"
        && let Some(code) = role::run(&words)
    {
        return code;
    }
    if words.is_empty() {
        eprintln!("{}", top_usage(&program));
        eprintln!("ERROR: too few arguments");
        return ExitCode::from(2);
    }
    let first = words.remove(0);
    match (first.as_str(), find(&first)) {
        (_, Some(group)) => ExitCode::from(command_line::run(group, &format!("{program} {first}"), &words)),
        ("help" | "-h" | "--help", None) => {
            write_out(&whole(&program).render_help().to_string());
            ExitCode::SUCCESS
        }
        ("version" | "-V" | "--version", None) => {
            write_out(&format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        (completion::NAME, None) => complete(&program, &words),
        (manual::NAME, None) => write_manual(&program, &words),
        (other, None) => unknown(&program, other),
    }
}

fn find(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

fn complete(program: &str, words: &[String]) -> ExitCode {
    let usage = "[-h] {bash,zsh,fish} [DIR]";
    let matches = match own_words(completion::command(), program, words, usage, "say which shell: bash, zsh or fish") {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let Some(shell) = matches.get_one::<Shell>("shell") else { return ExitCode::from(2) };
    match matches.get_one::<PathBuf>("directory") {
        None => {
            completion::print(*shell, whole("conpaas"), GROUPS);
            ExitCode::SUCCESS
        }
        Some(directory) => written(directory, completion::write(*shell, whole("conpaas"), GROUPS, directory)),
    }
}

fn write_manual(program: &str, words: &[String]) -> ExitCode {
    match own_words(manual::command(), program, words, "[-h] DIR", "say which directory the pages shall be in") {
        Ok(matches) => match matches.get_one::<PathBuf>("directory") {
            Some(directory) => written(directory, manual::write(whole("conpaas"), directory)),
            None => ExitCode::from(2),
        },
        Err(code) => code,
    }
}

/// Reads the words of a command that is neither a role nor in a group.
fn own_words(
    command: Command,
    program: &str,
    words: &[String],
    usage: &str,
    complaint: &str,
) -> Result<ArgMatches, ExitCode> {
    let program = format!("{program} {}", command.get_name());
    command.try_get_matches_from(std::iter::once(&program).chain(words)).map_err(|error| {
        if error.use_stderr() {
            let printer = Printer { is_json: false, is_debug: false };
            return ExitCode::from(printer.usage_error(&format!("usage: {program} {usage}"), complaint));
        }
        write_out(&error.render().to_string());
        ExitCode::SUCCESS
    })
}

fn written(directory: &Path, outcome: std::io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: cannot write into {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

/// The clap tree of the whole program, for help and completion.
fn whole(program: &str) -> Command {
    let mut command = Command::new(program.to_owned())
        .bin_name(program.to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "ConPaaS runs your programs in containers of a small cluster.\n\n\
             First steps:\n\
             \u{20} conpaas user get_certificate        once, so that the director knows you\n\
             \u{20} conpaas application create shop     an application is a group of services\n\
             \u{20} conpaas application start shop\n\
             \u{20} conpaas generic add shop            a service that runs your own scripts\n\
             \u{20} conpaas generic help                everything else that it can do",
        )
        .disable_help_subcommand(true)
        .subcommand_required(true);
    for group in GROUPS {
        let of_group = group.command(&format!("{program} {}", group.name)).name(group.name);
        let role = role::ROLES.iter().find(|role| role.name == group.name).map(role::Role::command);
        command = command.subcommand(match role {
            // One word for both: what the role does, and what the client asks.
            Some(role) => role.args(of_group.get_arguments()).subcommands(of_group.get_subcommands()),
            None => of_group,
        });
    }
    for role in role::ROLES.iter().filter(|role| find(role.name).is_none()) {
        command = command.subcommand(role.command());
    }
    let own = [completion::command(), manual::command(), Command::new("help").about("show help")];
    command.subcommands(own)
}

fn top_usage(program: &str) -> String {
    let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
    format!("usage: {program} [-h] [--version] {{{}}} <sub-command> ...", names.join(","))
}

fn unknown(program: &str, name: &str) -> ExitCode {
    let names = GROUPS.iter().map(|group| group.name).chain(role::ROLES.iter().map(|role| role.name));
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    let printer = Printer { is_json: false, is_debug: false };
    let text = format!("argument <command>: invalid choice: '{name}' (choose from {})", names.join(", "));
    ExitCode::from(printer.usage_error(&top_usage(program), &text))
}
