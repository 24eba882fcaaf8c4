//! The multi-call program: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    conpaas::cli::main()
}
