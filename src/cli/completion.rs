//! `completion`: what a shell needs to know to complete our words.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, value_parser};
use clap_complete::{Shell, generate, generate_to};

use super::command_line::Group;
use super::output::printer::write_out;

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

/// Prints one script: the whole program, then one for every `cps-…` name.
pub(crate) fn print(shell: Shell, whole: Command, groups: &[Group]) {
    let mut script = Vec::new();
    for (name, mut command) in programs(whole, groups) {
        generate(shell, &mut command, &name, &mut script);
    }
    write_out(&String::from_utf8_lossy(&script));
}

/// Writes one file for each name of the program, called as `shell` looks for it.
///
/// # Errors
/// The directory is missing or cannot be written.
pub(crate) fn write(shell: Shell, whole: Command, groups: &[Group], directory: &Path) -> io::Result<()> {
    for (name, mut command) in programs(whole, groups) {
        generate_to(shell, &mut command, &name, directory)?;
    }
    Ok(())
}

/// Every name that the program answers to, with what it understands by that name.
fn programs(whole: Command, groups: &[Group]) -> Vec<(String, Command)> {
    let tools = whole.clone().name("cps-tools").bin_name("cps-tools");
    let groups = groups.iter().map(|group| {
        let name = format!("cps-{}", group.name);
        let command = group.command(&name);
        (name, command)
    });
    [("conpaas".to_owned(), whole), ("cps-tools".to_owned(), tools)].into_iter().chain(groups).collect()
}
