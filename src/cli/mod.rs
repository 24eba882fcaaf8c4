//! The command line.

mod nutshell;

use std::process::ExitCode;

/// Parses the command line, runs what it names, and gives the exit code.
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == "nutshell" => ExitCode::from(nutshell::main(words.collect())),
        _ => ExitCode::SUCCESS,
    }
}
