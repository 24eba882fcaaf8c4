//! Asks the user. Secrets are read from the terminal without echo, or, where
//! there is no terminal, from standard input.

use std::io::{self, IsTerminal, Write};

use super::printer::Printer;
use crate::client::error::Failure;

/// Asks for a password once.
///
/// # Errors
/// There is nobody to ask.
pub(crate) fn ask(words: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(words).map_err(|error| nobody(&error));
    }
    ask_line(words)
}

/// Asks for a new password until both answers agree.
///
/// # Errors
/// There is nobody to ask.
pub(crate) fn ask_twice(printer: Printer) -> Result<String, Failure> {
    loop {
        let first = ask("Password: ")?;
        if ask("Retype password: ")? == first {
            return Ok(first);
        }
        printer.note("Passwords do not match. Try again");
    }
}

/// Asks for a line of text.
///
/// # Errors
/// There is nobody to ask.
pub(crate) fn ask_line(words: &str) -> Result<String, Failure> {
    let mut error_output = io::stderr().lock();
    let _best_effort = error_output.write_all(words.as_bytes()).and_then(|()| error_output.flush());
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) => Err(nobody(&io::Error::from(io::ErrorKind::UnexpectedEof))),
        Ok(_) => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(nobody(&error)),
    }
}

fn nobody(error: &io::Error) -> Failure {
    Failure::said(format!("cannot ask for what is missing: {error}"))
}
