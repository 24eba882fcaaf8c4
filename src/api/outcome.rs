//! Answers of the director that only say whether it did what was asked (`docs/reference/director-api.md` §3).

use serde::{Deserialize, Serialize};

/// `{}`: what was asked for is done, or recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {}

/// Why the director does not do what it was asked for. Clients print the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorView {
    /// The text.
    pub error: String,
}

/// What `/callback/decrementUserCredit.php` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IsErrorView {
    /// Whether nothing was taken.
    pub error: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_written_as_upstream_writes_them() {
        let written = [
            serde_json::to_string(&Done {}),
            serde_json::to_string(&ErrorView { error: "no".into() }),
            serde_json::to_string(&IsErrorView { error: true }),
        ];
        assert_eq!(written.map(|text| text.expect("plain data")), ["{}", r#"{"error":"no"}"#, r#"{"error":true}"#]);
    }
}
