//! The commands that the nutshell types, as people would.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::NutshellError;
use super::place::Place;
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
    /// Returns the nutshell's user, or whoever asks about its director.
    pub(crate) fn of_nutshell(place: &Place) -> Self {
        let mut environment = place.environment();
        environment.push(("DIRECTOR_CFG".into(), place.director_cfg().into()));
        Client { program: place.program.clone(), environment: Some(environment) }
    }

    /// Returns the caller, with the director of the caller's own configuration.
    pub(crate) fn of_caller(program: PathBuf) -> Self {
        Client { program, environment: None }
    }

    /// Runs `conpaas <words>` and returns what it prints.
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

    /// Runs `conpaas <words> --json` and returns the rows of its answer.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, words: &[&str]) -> Result<Vec<T>, NutshellError> {
        let mut with_json = words.to_vec();
        with_json.push("--json");
        let answer = self.type_command(&with_json).await?;
        serde_json::from_str(&answer).map_err(|_| NutshellError::unexpected(words, answer))
    }
}
