//! What an agent answers, and the parameters of its methods that have a structure of their own.
//!
//! The end of a log, which managers answer too, is [`super::manager::LogText`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::python::dict_order;

/// One node of a service as its agents and scripts see it: an element of the list in `agents_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgentInfo {
    /// The node's id; managers of ConPaaS 2.0 may leave it out.
    #[serde(default)]
    pub id: String,
    /// Its address.
    pub ip: String,
    /// Its role in the service.
    pub role: String,
}

/// `get_script_status` of a generic agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scripts {
    /// By the script's name.
    #[serde(serialize_with = "serialize_scripts")]
    pub scripts: BTreeMap<String, ScriptStatus>,
}

/// `execute_script` of a generic agent: empty, unless the active code lacks the script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Executed {
    /// The script that was not run because the code does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingScript>,
}

/// A script that the active code does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissingScript {
    /// Its name.
    pub name: String,
    /// Files of the code that may be meant, by their paths in it.
    pub similar: Vec<String>,
}

/// Scripts as agents of ConPaaS 2.0 list them.
pub(super) struct InOrder<'a>(pub(super) &'a BTreeMap<String, ScriptStatus>);

/// The order in which their dictionary was filled: two of the names have one place in it.
const FILLED: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut scripts: Vec<(&String, &ScriptStatus)> = self.0.iter().collect();
        scripts.sort_by_key(|(name, _)| FILLED.iter().position(|known| known == name).unwrap_or(FILLED.len()));
        serializer.collect_map(dict_order(scripts, |(name, _)| *name))
    }
}

fn serialize_scripts<S: Serializer>(
    scripts: &BTreeMap<String, ScriptStatus>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    InOrder(scripts).serialize(serializer)
}

/// How far a script has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum ScriptStatus {
    /// It did not run since the code came.
    NeverStarted,
    /// It runs.
    Running,
    /// It ended with this exit code; a signal counts as its negative number.
    Stopped(i32),
}

impl fmt::Display for ScriptStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScriptStatus::NeverStarted => f.write_str("NEVER STARTED"),
            ScriptStatus::Running => f.write_str("RUNNING"),
            ScriptStatus::Stopped(code) => write!(f, "STOPPED (return code {code})"),
        }
    }
}

impl FromStr for ScriptStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let code = || text.strip_prefix("STOPPED (return code ")?.strip_suffix(')')?.parse().ok();
        match text {
            "NEVER STARTED" => Ok(ScriptStatus::NeverStarted),
            "RUNNING" => Ok(ScriptStatus::Running),
            _ => code().map(ScriptStatus::Stopped).ok_or_else(|| format!("'{text}' is no status of a script")),
        }
    }
}

impl From<ScriptStatus> for String {
    fn from(status: ScriptStatus) -> String {
        status.to_string()
    }
}

impl TryFrom<String> for ScriptStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `get_helloworld` of a helloworld agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Greeting {
    /// Its text.
    pub result: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_script_reads_back_as_written() {
        for status in [ScriptStatus::NeverStarted, ScriptStatus::Running, ScriptStatus::Stopped(-9)] {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        for text in ["", "STOPPED", "STOPPED (return code x)", "running"] {
            assert!(text.parse::<ScriptStatus>().is_err(), "{text}");
        }
    }
}
