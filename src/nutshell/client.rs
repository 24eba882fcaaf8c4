//! The commands that the nutshell types, as people would.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{NutshellError, Place};
use crate::sys::program::{self, ProgramError};

/// The longest that a command may take: starting nodes on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);

/// Types commands of this program for one user.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    program: PathBuf,
    /// All that the commands find in their environment; `None` is the caller's own.
    environment: Option<Vec<(OsString, OsString)>>,
}

impl Client {
    /// The nutshell's user, or whoever asks about its director.
    pub(crate) fn of_nutshell(place: &Place) -> Self {
        let mut environment = place.environment();
        environment.push(("DIRECTOR_CFG".into(), place.director_cfg().into()));
        Client { program: place.program.clone(), environment: Some(environment) }
    }

    /// The caller, with the director of the caller's own configuration.
    pub(crate) fn of_caller(program: PathBuf) -> Self {
        Client { program, environment: None }
    }

    /// Runs `conpaas <words>` and gives what it prints.
    pub(crate) async fn type_command(&self, words: &[&str]) -> Result<String, NutshellError> {
        self.type_with_answers(words, "").await
    }

    /// As [`Client::type_command`]; `answers` are the lines for what the command asks, such as a password.
    pub(crate) async fn type_with_answers(&self, words: &[&str], answers: &str) -> Result<String, NutshellError> {
        let mut arguments: Vec<OsString> = Vec::new();
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
        program::run_with_input("env", &arguments, answers, LIMIT).await.map_err(|error| match error {
            ProgramError::Failed { stderr, .. } => NutshellError::Command { command: words.join(" "), said: stderr },
            other => other.into(),
        })
    }

    /// As [`Client::type_command`] with `--json`, and gives the rows of its answer.
    pub(crate) async fn rows(&self, words: &[&str]) -> Result<Vec<Value>, NutshellError> {
        let command = words.join(" ");
        let mut with_json = words.to_vec();
        with_json.push("--json");
        let answer = self.type_command(&with_json).await?;
        match serde_json::from_str(&answer) {
            Ok(Value::Array(rows)) => Ok(rows),
            _ => Err(NutshellError::Answer { command, answer }),
        }
    }
}

/// A field of a row as text, whether it is a number or a text; empty when it is missing.
pub(crate) fn field(row: &Value, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
