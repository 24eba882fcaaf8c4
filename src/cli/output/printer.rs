//! What people and programs see: standard output is data, standard error is talk.
//!
//! With `--json` a command writes exactly one JSON value and a line end on
//! standard output, and a failure is one line `{"error": text}` on standard
//! error. Exit codes are the same either way.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;

use super::moving_line::moving_line;
use super::table::{table, value_of};
use super::upload_line::UploadLine;
use crate::client::error::Failure;

/// What stands in the moving line while a command waits.
const WAITING: &str = "{spinner} {msg} ({elapsed})";

/// What a command has to say when it has done its work.
#[derive(Debug)]
pub(crate) struct Reply {
    /// For people, with its last line end.
    pub text: String,
    /// For programs.
    pub value: Value,
    /// Why the work, although asked for, did not succeed.
    pub failure: Option<Failure>,
    /// The exit code where there is no failure.
    pub code: u8,
}

/// A sentence as `--json` prints it.
#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

/// A failure as `--json` prints it.
#[derive(Serialize)]
struct ErrorLine<'a> {
    error: &'a str,
}

impl Reply {
    /// One line and its data.
    pub(crate) fn line(text: impl Into<String>, data: &impl Serialize) -> Self {
        Reply { text: text.into() + "\n", value: value_of(data), failure: None, code: 0 }
    }

    /// Lines, none of them ended yet; none at all prints nothing.
    pub(crate) fn lines(lines: &[String], data: &impl Serialize) -> Self {
        let text = lines.iter().map(|line| format!("{line}\n")).collect();
        Reply { text, value: value_of(data), failure: None, code: 0 }
    }

    /// Nothing, as all was written meanwhile; for programs, too.
    pub(crate) fn nothing() -> Self {
        Reply { text: String::new(), value: Value::Null, failure: None, code: 0 }
    }

    /// The same with an exit code.
    pub(crate) fn ending_with(self, code: u8) -> Self {
        Reply { code, ..self }
    }

    /// A table of rows, or `none` where there are no rows; for programs the whole rows.
    pub(crate) fn table(columns: &[&str], rows: &[impl Serialize], none: &str) -> Self {
        let text = if rows.is_empty() { none.to_owned() } else { table(columns, rows) };
        Reply::line(text, &rows)
    }

    /// One line that tells of something done.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        let text = text.into();
        Reply::line(text.clone(), &Message { message: &text })
    }
}

/// Writes for people or for programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// Whether a program reads.
    pub is_json: bool,
    /// Whether a failure is told with its causes.
    pub is_debug: bool,
}

/// The printer of what was typed before any option was read.
pub(crate) const PLAIN: Printer = Printer { is_json: false, is_debug: false };

impl Printer {
    /// Writes a reply and returns the exit code. A reader that has gone is no failure.
    pub(crate) fn reply(&self, reply: &Reply) -> u8 {
        match (self.is_json, &reply.value) {
            (true, Value::Null) => {}
            (true, value) => write_shown(&format!("{value}\n")),
            (false, _) => write_shown(&reply.text),
        }
        match &reply.failure {
            Some(failure) => self.failure(failure),
            None => reply.code,
        }
    }

    /// Writes a failure and returns the exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> u8 {
        self.error(&failure.text);
        if self.is_debug && !self.is_json {
            for cause in &failure.causes {
                write_error(&format!("  because {cause}"));
            }
        }
        if failure.is_usage { 2 } else { 1 }
    }

    /// Writes a usage error and returns the exit code.
    pub(crate) fn usage_error(&self, usage: &str, text: &str) -> u8 {
        if !self.is_json {
            write_error(usage);
        }
        self.error(text);
        2
    }

    /// Talks: a line for people that is no part of the answer.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_json {
            write_error(text);
        }
    }

    /// Says that work goes on. On a terminal a moving line stands there until
    /// [`Waiting::end`]; elsewhere the words are written at once.
    pub(crate) fn begin(&self, words: &str) -> Waiting {
        let is_seen = io::stderr().is_terminal() && !self.is_json;
        if !is_seen || !io::stdout().is_terminal() {
            if !self.is_json {
                write_out(words);
            }
            let bar = is_seen.then(|| moving_line(WAITING));
            return Waiting { words_left: None, bar };
        }
        let bar = moving_line(WAITING);
        bar.set_message(words.to_owned());
        Waiting { words_left: Some(words.to_owned()), bar: Some(bar) }
    }

    /// Returns the line of an upload, seen on a terminal only.
    pub(crate) fn begin_upload(&self, path: &Path) -> UploadLine {
        UploadLine::new(path, io::stderr().is_terminal() && !self.is_json)
    }

    /// Writes what went wrong.
    pub(crate) fn error(&self, text: &str) {
        if self.is_json {
            return write_error(&value_of(&ErrorLine { error: text }).to_string());
        }
        let whole = if text.starts_with("ERROR") { text.to_owned() } else { format!("ERROR: {text}") };
        let whole = if io::stderr().is_terminal() { harmless(&whole) } else { whole };
        write_error(&if is_coloured() { format!("\x1b[31m{whole}\x1b[0m") } else { whole });
    }
}

/// Work that goes on while the user looks.
pub(crate) struct Waiting {
    words_left: Option<String>,
    bar: Option<ProgressBar>,
}

impl Waiting {
    /// Shows how far it is, on a terminal.
    pub(crate) fn step(&self, state: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}{state}", self.words_left.as_deref().unwrap_or_default()));
        }
    }

    /// Takes the moving line away; returns the words that were not written yet.
    pub(crate) fn end(self) -> String {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.words_left.unwrap_or_default()
    }
}

/// Why standard output was not written, once it was not.
static OUTPUT_FAILURE: OnceLock<String> = OnceLock::new();

/// Writes to standard output. That its reader has gone is not our trouble; any other failure is told by [`ended`].
pub(crate) fn write_out(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _the_first_reason_counts = OUTPUT_FAILURE.set(error.to_string());
        }
        _ => {}
    }
}

/// Writes what others wrote (logs, descriptions) to standard output: it must not command a terminal; a file gets it as it is.
pub(crate) fn write_shown(text: &str) {
    if io::stdout().is_terminal() { write_out(&harmless(text)) } else { write_out(text) }
}

/// Writes a line to standard error, as far as that can be written.
pub(crate) fn write_error(text: &str) {
    let _there_is_no_other_place = writeln!(io::stderr().lock(), "{text}");
}

/// Returns the exit code of the whole program: that of what it did, or 1 with a word when its output was lost.
pub(crate) fn ended(code: ExitCode, is_json: bool) -> ExitCode {
    match OUTPUT_FAILURE.get() {
        None => code,
        Some(reason) => {
            let printer = Printer { is_json, is_debug: false };
            let text = format!("the output cannot be written, so a part of it is lost: {reason}");
            ExitCode::from(printer.failure(&Failure::said(text)))
        }
    }
}

/// The text with control characters spelt out, but for line ends and tabs.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

fn is_coloured() -> bool {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_unwanted && io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_tell_people_and_programs_the_same() {
        let reply = Reply::done("It is done.");
        assert_eq!(
            (reply.text.as_str(), reply.value.to_string()),
            ("It is done.\n", r#"{"message":"It is done."}"#.to_owned())
        );
        let reply = Reply::lines(&["a".to_owned(), "b".to_owned()], &["a", "b"]);
        assert_eq!((reply.text.as_str(), reply.value.to_string()), ("a\nb\n", r#"["a","b"]"#.to_owned()));
        let none: [Message<'_>; 0] = [];
        let reply = Reply::table(&["message"], &none, "No messages.");
        assert_eq!((reply.text.as_str(), reply.value.to_string()), ("No messages.\n", "[]".to_owned()));
        let reply = Reply::table(&["message"], &[Message { message: "m" }], "No messages.");
        assert_eq!(reply.text, "message\n-------\nm      \n");
    }

    #[test]
    fn a_terminal_is_not_commanded_by_what_others_wrote() {
        assert_eq!(harmless("a\tb\nc\u{1b}[2J\r\u{9b}31mz\u{7}"), "a\tb\nc\\u{1b}[2J\\r\\u{9b}31mz\\u{7}");
    }
}
