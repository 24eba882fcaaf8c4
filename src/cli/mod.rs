//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::sys::supervised;

/// Parses the command line, runs what it names, and gives the exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let word = arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    match word {
        supervised::SUPERVISE => supervised::supervise(&arguments[1..]),
        "agent" | "manager" => node(word, &arguments[1..]),
        _ => ExitCode::from(2),
    }
}

fn node(role: &str, arguments: &[OsString]) -> ExitCode {
    let mut options = crate::service::node::Options::default();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return ExitCode::from(2) };
        let text = value.to_string_lossy();
        match name.to_str() {
            Some("-c") => options.config = Some(PathBuf::from(value)),
            Some("-p") => options.port = text.parse().ok(),
            Some("-b") => options.bind = text.parse().ok(),
            Some("--root") => options.root = PathBuf::from(value),
            _ => return ExitCode::from(2),
        }
    }
    match role {
        "agent" => crate::agent::run(&options),
        _ => crate::manager::run(&options),
    }
}
