//! The commands that the nutshell types, as people would.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::place::this_program;
use super::{NutshellError, Place};
use crate::sys::program::{self, ProgramError};

/// The longest that a command may take: starting nodes on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);

/// Who types: which program, and what it finds in its environment.
pub(super) struct Typist {
    program: PathBuf,
    /// `None` is the caller's own.
    environment: Option<Vec<(OsString, OsString)>>,
}

impl Typist {
    /// The nutshell's user; he may also ask about its director.
    pub(super) fn of(place: &Place) -> Typist {
        let mut environment = place.environment();
        environment.push(("DIRECTOR_CFG".into(), place.director_cfg().into()));
        Typist { program: place.program.clone(), environment: Some(environment) }
    }

    /// Whoever runs this program, with the director that his settings name.
    pub(super) fn caller() -> Result<Typist, NutshellError> {
        Ok(Typist { program: this_program()?, environment: None })
    }

    /// What `env` is to run.
    fn arguments(&self, words: &[&str]) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(environment) = &self.environment {
            arguments.push("-i".into());
            for (name, value) in environment {
                let mut pair = name.clone();
                pair.push("=");
                pair.push(value);
                arguments.push(pair);
            }
        }
        arguments.push(self.program.clone().into());
        arguments.extend(words.iter().map(OsString::from));
        arguments
    }
}

/// Runs `conpaas <words>` and gives what it prints.
pub(super) async fn type_command(typist: &Typist, words: &[&str]) -> Result<String, NutshellError> {
    type_with_answers(typist, words, "").await
}

/// As [`type_command`]; `answers` are the lines for what the command asks, such as a password.
pub(super) async fn type_with_answers(typist: &Typist, words: &[&str], answers: &str) -> Result<String, NutshellError> {
    let arguments = typist.arguments(words);
    program::run_with_input("env", &arguments, answers, LIMIT).await.map_err(|error| match error {
        ProgramError::Failed { stderr, .. } => NutshellError::Command { command: words.join(" "), said: stderr },
        other => other.into(),
    })
}

/// As [`type_command`] with `--json`, and gives the rows of its answer.
pub(super) async fn rows(typist: &Typist, words: &[&str]) -> Result<Vec<Value>, NutshellError> {
    let command = words.join(" ");
    let mut with_json = words.to_vec();
    with_json.push("--json");
    let answer = type_command(typist, &with_json).await?;
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
