//! `completion`: what a shell needs to know to complete our words.

use clap::{Arg, Command, value_parser};
use clap_complete::{Shell, generate};

use super::line::Group;
use super::printer::write_out;

/// The command's name.
pub(super) const NAME: &str = "completion";

/// The clap tree of the command itself.
pub(super) fn command() -> Command {
    Command::new(NAME)
        .about("Print the completion script of a shell: bash, zsh or fish")
        .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)))
}

/// Writes the script for `shell`: the whole program, then one for every
/// `cps-…` name.
pub(super) fn write(shell: Shell, mut whole: Command, groups: &[Group]) {
    let mut script = Vec::new();
    generate(shell, &mut whole.clone(), "conpaas", &mut script);
    whole = whole.name("cps-tools").bin_name("cps-tools");
    generate(shell, &mut whole, "cps-tools", &mut script);
    for group in groups {
        let program = format!("cps-{}", group.name);
        generate(shell, &mut group.command(&program), &program, &mut script);
    }
    write_out(&String::from_utf8_lossy(&script));
}
