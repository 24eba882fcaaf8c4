//! Operations: work that outlives the call that asked for it. ConPaaS 2.0 has no word for them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ApplicationId;

/// An answer that says nothing but which operation the call began, if any: `{}` to clients of ConPaaS 2.0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// By which its outcome is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// What became of an operation: the manager's method `get_operation`, the director's route `/get_operation/ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperationView {
    /// Its id.
    pub operation_id: String,
    /// How far it is.
    pub status: OperationStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is done now, where an operation tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
}

/// `/upload_manifest`: ConPaaS 2.0 leaves the id out of the answer to a manifest without services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestView {
    /// The application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aid: Option<ApplicationId>,
    /// The operation that carries the manifest out (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// The parameter that says what the caller knows already of what he asks for.
pub(crate) const KNOWN: &str = "known";
/// A list of applications is known by so many bytes of its SHA-256, in hexadecimal digits.
pub(crate) const LIST_FINGERPRINT_BYTES: usize = 8;
/// The parameter of a question after an operation: for how long the answer may wait for its end, in seconds.
pub(crate) const WAIT_FOR: &str = "wait_for";

/// Returns how long an answer waits whose question says `seconds`; no longer than a connection is kept for anybody.
pub(crate) fn wait_for(seconds: i64) -> Duration {
    Duration::from_secs(seconds.clamp(0, 20).unsigned_abs())
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum OperationStatus {
    /// It goes on.
    Running,
    /// All of it is done.
    Done,
    /// It was undone, or given up.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_upstream_see_nothing_new_in_an_empty_answer() {
        assert_eq!(serde_json::to_string(&Accepted::default()).unwrap(), "{}");
        let view =
            OperationView { operation_id: "a".into(), status: OperationStatus::Done, reason: None, progress: None };
        assert_eq!(serde_json::to_string(&view).unwrap(), r#"{"operation_id":"a","status":"DONE"}"#);
    }
}
