//! Reads the words of a command that is neither a role nor in a group.

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::output::printer::{PLAIN, write_error, write_out};

/// Reads `words` as `command`, called by `program`. Words that are not
/// understood are a `complaint` under the `usage`.
///
/// # Errors
/// The exit code, when there is nothing left to do: help was shown, or the complaint.
pub(crate) fn read(
    command: Command,
    program: &str,
    words: &[String],
    usage: &str,
    complaint: &str,
) -> Result<ArgMatches, ExitCode> {
    let program = format!("{program} {}", command.get_name());
    command.try_get_matches_from(std::iter::once(&program).chain(words)).map_err(|error| {
        if error.use_stderr() {
            return ExitCode::from(PLAIN.usage_error(&format!("usage: {program} {usage}"), complaint));
        }
        write_out(&error.render().to_string());
        ExitCode::SUCCESS
    })
}

/// Returns the exit code of a command that writes files into a directory, and says why it could not.
pub(crate) fn written(directory: &Path, outcome: std::io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_error(&format!("ERROR: cannot write into {}: {error}", directory.display()));
            ExitCode::FAILURE
        }
    }
}
