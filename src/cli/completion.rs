//! `completion`: what a shell needs to know to complete our words.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Command, value_parser};
use clap_complete::{Shell, generate, generate_to};

use super::built_in;
use super::output::printer::write_out;
use super::tree;

/// The command's name.
pub(crate) const NAME: &str = "completion";

/// The clap tree of the command itself.
pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Print the completion script of a shell: bash, zsh or fish")
        .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)))
        .arg(
            Arg::new("directory")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Write one script for each name of the program into this directory instead"),
        )
}

/// Reads `words` and prints or writes the scripts of `whole`, the program with all that it understands.
pub(crate) fn run(program: &str, words: &[String], whole: &Command) -> ExitCode {
    let complaint = "say which shell: bash, zsh or fish";
    let matches = match built_in::read(command(), program, words, "[-h] {bash,zsh,fish} [DIR]", complaint) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let Some(shell) = matches.get_one::<Shell>("shell") else { return ExitCode::from(2) };
    match matches.get_one::<PathBuf>("directory") {
        None => {
            print(*shell, whole);
            ExitCode::SUCCESS
        }
        Some(directory) => built_in::written(directory, write(*shell, whole, directory)),
    }
}

/// Prints one script: the whole program, then one for every `cps-…` name.
fn print(shell: Shell, whole: &Command) {
    let mut script = Vec::new();
    for (name, mut command) in programs(whole) {
        generate(shell, &mut command, &name, &mut script);
    }
    write_out(&String::from_utf8_lossy(&script));
}

/// Writes one file for each name of the program, called as `shell` looks for it.
fn write(shell: Shell, whole: &Command, directory: &Path) -> io::Result<()> {
    for (name, mut command) in programs(whole) {
        generate_to(shell, &mut command, &name, directory)?;
    }
    Ok(())
}

/// Returns every name that the program answers to, with what it understands by that name.
fn programs(whole: &Command) -> Vec<(String, Command)> {
    let tools = whole.clone().name("cps-tools").bin_name("cps-tools");
    let groups = tree::groups().map(|group| {
        let name = format!("cps-{}", group.name);
        let command = group.command(&name);
        (name, command)
    });
    [("conpaas".to_owned(), whole.clone()), ("cps-tools".to_owned(), tools)].into_iter().chain(groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_and_every_kind_is_a_program_of_its_own() {
        let names: Vec<String> = programs(&Command::new("conpaas")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..3], ["conpaas", "cps-tools", "cps-user"]);
        for kind in crate::service::kind_names() {
            assert!(names.contains(&format!("cps-{kind}")), "{kind} is no program");
        }
    }
}
