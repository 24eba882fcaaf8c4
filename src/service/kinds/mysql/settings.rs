//! What is set of a mysql service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::mysql::Restored;
use crate::service::role::Counts;
use crate::service::settings::Settings;

/// What is set of a mysql service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MysqlSettings {
    /// Variables of the servers by name.
    pub variables: BTreeMap<String, String>,
    /// The last backup that was put in the place of all data.
    pub restored: Restored,
    /// How many nodes of each role the next start makes.
    pub counts: Counts,
}

impl Settings for MysqlSettings {}
