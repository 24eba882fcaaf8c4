//! The multi-call program: parse, dispatch, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Both of these need a process that has one thread, so they come before all else.
    if let Some(code) = conpaas::cloud::local::lxc::hidden(&arguments) {
        return code;
    }
    if arguments.get(1).is_some_and(|command| command == "init") {
        return conpaas::init::run();
    }
    conpaas::cli::main()
}
