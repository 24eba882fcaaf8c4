//! What is set of a mysql service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::service::role::Counts;
use crate::service::settings::Settings;

/// What is set of a mysql service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MysqlSettings {
    /// Variables of the servers by name.
    pub variables: BTreeMap<String, String>,
    /// How many nodes of each role the next start makes.
    pub counts: Counts,
}

impl Settings for MysqlSettings {}
