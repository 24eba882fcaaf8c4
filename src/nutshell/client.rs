//! The commands that the nutshell types, as people would.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use super::{NutshellError, Place};
use crate::sys::program::{self, ProgramError};

/// The longest that a command may take: starting nodes on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs `conpaas <words>` as the nutshell's user, or about its director, and gives what it prints.
pub(super) async fn type_command(place: &Place, words: &[&str]) -> Result<String, NutshellError> {
    type_with_answers(place, words, "").await
}

/// As [`type_command`]; `answers` are the lines for what the command asks, such as a password.
pub(super) async fn type_with_answers(place: &Place, words: &[&str], answers: &str) -> Result<String, NutshellError> {
    let mut arguments: Vec<OsString> = vec!["-i".into()];
    for (name, value) in place.environment() {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        arguments.push(pair);
    }
    let mut pair = OsString::from("DIRECTOR_CFG=");
    pair.push(place.director_cfg());
    arguments.push(pair);
    arguments.push(place.program.clone().into());
    arguments.extend(words.iter().map(OsString::from));
    program::run_with_input("env", &arguments, answers, LIMIT).await.map_err(|error| match error {
        ProgramError::Failed { stderr, .. } => NutshellError::Command { command: words.join(" "), said: stderr },
        other => other.into(),
    })
}

/// As [`type_command`] with `--json`, and gives the rows of its answer.
pub(super) async fn rows(place: &Place, words: &[&str]) -> Result<Vec<Value>, NutshellError> {
    let command = words.join(" ");
    let mut with_json = words.to_vec();
    with_json.push("--json");
    let answer = type_command(place, &with_json).await?;
    match serde_json::from_str(&answer) {
        Ok(Value::Array(rows)) => Ok(rows),
        _ => Err(NutshellError::Answer { command, answer }),
    }
}

/// A field of a row as text, whether it is a number or a text; empty when it is missing.
pub(super) fn field(row: &Value, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
