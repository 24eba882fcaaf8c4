//! What is set of a mysql service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::mysql::{Restored, Schedule};
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
    /// Whether nodes talk with each other by TLS. Services that were made before they could do not.
    pub tls: bool,
    /// When backups are made by themselves.
    pub backups: Option<Schedule>,
    /// How large the volume of a new node is, in MB.
    pub volume_mb: Option<u64>,
}

/// How large the volume of a new node is if nobody says so.
const VOLUME_MB: u64 = 1024;

impl MysqlSettings {
    /// Returns what a new service begins with.
    pub(super) fn of_new_service() -> Self {
        MysqlSettings { tls: true, ..MysqlSettings::default() }
    }

    /// Returns how large the volume of a new node is, in MB.
    pub(super) fn volume_mb(&self) -> u64 {
        self.volume_mb.unwrap_or(VOLUME_MB)
    }
}

impl Settings for MysqlSettings {}
