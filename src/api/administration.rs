//! What administrators see of a director (ours).

use serde::{Deserialize, Serialize};

/// An invitation that is still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvitationView {
    /// Its number.
    pub id: i64,
    /// What its maker recognises it by.
    pub label: String,
    /// How often it may still be used.
    pub uses: u32,
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
}

/// What `/create_invitation` answers. Secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct NewInvitationView {
    /// What whoever registers types.
    pub code: String,
}

/// How a finding is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FindingVerdict {
    /// As it should be.
    Good,
    /// Works, but should be looked at.
    Warning,
    /// Does not work.
    Bad,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FindingView {
    /// How it is meant.
    pub verdict: FindingVerdict,
    /// What was looked at and what was seen.
    pub text: String,
    /// What to do about it; empty when nothing is wrong.
    pub remedy: String,
}

/// A cloud, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloudView {
    /// As users name it.
    pub name: String,
    /// Its sort.
    pub driver: String,
    /// Nodes that are up.
    pub nodes: usize,
    /// Nodes that are being made, or removed.
    pub passing: usize,
    /// Volumes.
    pub volumes: usize,
}

/// What `/check_director` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckView {
    /// What was found, the worst first.
    pub findings: Vec<FindingView>,
    /// The clouds, the default one first.
    pub clouds: Vec<CloudView>,
}
