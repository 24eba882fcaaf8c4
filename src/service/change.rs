//! A change of a working service that a method of its kind asked for.

use serde::{Deserialize, Serialize};

use super::settings::Document;
use crate::api::environment::Variables;

/// What is to be different. The manager records it with its operation, brings the nodes to the plan of the changed
/// service, and keeps it when they are there. A record is understood as the first of these that it fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Change {
    /// Another code version is active.
    Code {
        /// Its id.
        #[serde(rename = "codeVersionId")]
        version: String,
    },
    /// The settings are others.
    Settings {
        /// The whole new document.
        settings: Document,
    },
    /// Both, in one step.
    Both {
        /// The id of the code version.
        #[serde(rename = "codeVersionId")]
        version: String,
        /// The whole new document.
        settings: Document,
    },
    /// The environment of its programs is another one, or what it is linked to.
    Environment {
        /// What its user set; as it was where only links are others.
        #[serde(default)]
        environment: Option<Variables>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::settings::Settings;

    #[derive(Default, Serialize, Deserialize)]
    struct Limits {
        memory_mb: u64,
    }

    impl Settings for Limits {}

    #[test]
    fn a_change_reads_back_and_one_that_an_older_program_recorded_is_read() {
        let code: Change = serde_json::from_str(r#"{"codeVersionId": "code-a"}"#).unwrap();
        assert_eq!(code, Change::Code { version: "code-a".to_owned() });
        let both =
            Change::Both { version: "code-a".to_owned(), settings: Document::of(&Limits { memory_mb: 1 }).unwrap() };
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), both);
        let settings = Change::Settings { settings: Document::of(&Limits { memory_mb: 64 }).unwrap() };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), settings);
        let variables = Variables([("A".to_owned(), "b".to_owned())].into());
        for environment in [None, Some(variables)] {
            let change = Change::Environment { environment };
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
        }
    }
}
