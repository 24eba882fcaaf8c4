//! What the command line of a role is: parsed words that do something.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::output::printer::write_error;
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
    let line = match L::try_parse_from(std::iter::once(&program).chain(words)) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    line.run().unwrap_or_else(|error| {
        write_error(&format!("ERROR: {}", chain(&*error)));
        ExitCode::FAILURE
    })
}
