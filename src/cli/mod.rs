//! The command line: ConPaaS 2.0's client, and the door to the roles.
//!
//! `conpaas <group> <sub-command>`, `cps-tools <group> <sub-command>` and
//! `cps-<group> <sub-command>` are the same. Texts, tables and exit codes are
//! upstream's (reference: `docs/reference/cli.md`); where ours differ, `docs/reference/cli-deviations.md`
//! says so. A new group is one file in `command/` or `kind/` with an
//! [`invocation::Action`], and one line in that folder's registry.
//!
//! Must not know: sockets, SQL, how a cloud works. It only calls and prints.

mod built_in;
mod command;
mod command_line;
mod completion;
mod deployment;
mod group;
mod hint;
mod invocation;
mod kind;
mod manual;
mod old_names;
mod output;
mod role;
mod site;
mod tree;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;

use output::argparse;
use output::printer::{PLAIN, ended, write_error, write_out};
use role::ROLES;

use crate::git;
use crate::supervise::{keeper, terminal};

/// A command that is neither a role nor in a group.
struct BuiltIn {
    /// By which words it is called; the first is its name.
    names: &'static [&'static str],
    /// What it understands; `None` for one that help does not list.
    tree: Option<fn() -> Command>,
    run: fn(&str, &[String]) -> ExitCode,
}

const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        names: &[completion::NAME],
        tree: Some(completion::command),
        run: |program, words| completion::run(program, words, &whole("conpaas")),
    },
    BuiltIn {
        names: &[manual::NAME],
        tree: Some(manual::command),
        run: |program, words| manual::run(program, words, whole("conpaas")),
    },
    BuiltIn { names: &["help", "-h", "--help"], tree: None, run: help },
    // The SSH server and git of a manager's node run these; nobody types them.
    BuiltIn { names: &["git-serve"], tree: None, run: |_, _| git::serve() },
    BuiltIn {
        names: &["git-hook"],
        tree: None,
        run: |_, words| git::hook(words.first().map(String::as_str).unwrap_or_default()),
    },
    // An agent runs it for a command that has a terminal.
    BuiltIn { names: &[terminal::NAME], tree: None, run: |_, words| terminal::run(words) },
    BuiltIn { names: &["version", "-V", "--version"], tree: None, run: |program, _| version(program) },
];

/// Parses the command line, runs what it names, and returns the exit code.
pub fn main() -> ExitCode {
    // Before anything else: it forks, which only a process of one thread may do.
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = crate::cloud::local::lxc::hidden(&arguments) {
        return code;
    }
    if arguments.get(1).is_some_and(|word| word == keeper::SUPERVISE) {
        return keeper::run(&arguments[2..]);
    }
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Result<Vec<String>, OsString> = words.map(OsString::into_string).collect();
    let Ok(words) = words else {
        write_error("ERROR: an argument is not UTF-8 text");
        return ExitCode::from(2);
    };
    let is_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    ended(dispatch(&program, words), is_json)
}

fn dispatch(program: &str, mut words: Vec<String>) -> ExitCode {
    if let Some(name) = program.strip_prefix("cps-").filter(|name| *name != "tools") {
        return match tree::find(name) {
            Some(group) => ExitCode::from(command_line::run(group, program, &words)),
            None => unknown(program, name),
        };
    }
    let program = match words.first().map(String::as_str) {
        Some("cps-tools") => words.remove(0),
        _ => program.to_owned(),
    };
    if program != "cps-tools"
        && let Some(code) = of_role_and_group(&program, &words).or_else(|| role::run(&words))
    {
        return code;
    }
    if words.is_empty() {
        return ExitCode::from(PLAIN.usage_error(&tree::usage(&program), "too few arguments"));
    }
    let first = words.remove(0);
    if let Some(group) = tree::find_command(&first) {
        return ExitCode::from(command_line::run(group, &format!("{program} {first}"), &words));
    }
    match BUILT_IN.iter().find(|command| command.names.contains(&first.as_str())) {
        Some(command) => (command.run)(&program, &words),
        None => unknown(&program, &first),
    }
}

/// Shows the help of the whole program, or of the command that `words` name.
fn help(program: &str, words: &[String]) -> ExitCode {
    let mut command = whole(program);
    let mut path = program.to_owned();
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        let Some(found) = command.find_subcommand(word) else {
            let text = format!("there is no help on '{word}': '{path} help' lists what there is");
            return ExitCode::from(PLAIN.usage_error(&format!("usage: {path} help [command ...]"), &text));
        };
        path = format!("{path} {word}");
        command = found.clone().bin_name(path.clone());
    }
    write_out(&command.render_help().to_string());
    ExitCode::SUCCESS
}

/// Answers what only the role and the group of one word together know: their help, and a word that neither has.
fn of_role_and_group(program: &str, words: &[String]) -> Option<ExitCode> {
    let (name, rest) = words.split_first()?;
    let first = rest.first()?;
    let is_both = tree::find(name).is_some() && ROLES.iter().any(|role| role.name == name.as_str());
    if !is_both {
        return None;
    }
    if ["-h", "--help", "help"].contains(&first.as_str()) {
        return Some(help(program, &words[..1]));
    }
    let whole = whole(program);
    let both = whole.find_subcommand(name)?;
    if first.starts_with('-') || both.find_subcommand(first).is_some() {
        return None;
    }
    let usage = argparse::usage(&format!("{program} {name}"), both);
    Some(ExitCode::from(PLAIN.usage_error(&usage, &argparse::invalid_sub_command(both, first, hint::of_sub_command))))
}

fn version(program: &str) -> ExitCode {
    write_out(&format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
    ExitCode::SUCCESS
}

/// Returns the clap tree of everything, as the program `program`.
fn whole(program: &str) -> Command {
    tree::whole(program, BUILT_IN.iter().filter_map(|command| command.tree).map(|tree| tree()))
}

fn unknown(program: &str, name: &str) -> ExitCode {
    ExitCode::from(PLAIN.usage_error(&tree::usage(program), &tree::invalid_choice(name)))
}
