//! What the command line of a role is: parsed words that do something.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::output::printer::{Printer, write_out};
use crate::client::error::Failure;
use crate::sys::chain;

/// How a role ended: an exit code of its own, or an error that is told in one line.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// The words that follow `conpaas <role>`.
pub(crate) trait RoleLine: Parser {
    /// Does what they say.
    ///
    /// # Errors
    /// What could not be done. The exit code is then 1.
    fn run(self) -> Outcome;
}

/// Parses `words`, which follow `conpaas <name>`, and does what they say.
/// Help goes to standard output with 0, words that are not understood end with 2.
pub(crate) fn run<L: RoleLine>(name: &str, words: &[String]) -> ExitCode {
    let program = format!("conpaas {name}");
    let printer = Printer { is_json: words.iter().any(|word| word == "--json"), is_debug: false };
    let line = match L::try_parse_from(std::iter::once(&program).chain(words)) {
        Ok(line) => line,
        Err(error) if error.use_stderr() && printer.is_json => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            return ExitCode::from(printer.usage_error("", first.trim_start_matches("error: ")));
        }
        Err(error) if error.use_stderr() => error.exit(),
        Err(error) => {
            write_out(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
    };
    line.run().unwrap_or_else(|error| ExitCode::from(printer.failure(&Failure::said(chain(&*error)))))
}
