//! A code version in Tomcat.

use serde::{Deserialize, Serialize};

/// A code version in Tomcat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Context {
    /// Its place in the order of versions.
    pub number: u32,
    /// The code version.
    pub version: String,
    /// Whether it has started once.
    pub has_started: bool,
}

impl Context {
    /// Returns the name of the file by which Tomcat knows it.
    #[must_use]
    pub(super) fn file_name(&self) -> String {
        format!("ROOT##{:06}.xml", self.number)
    }
}
