//! The environment of programs: what their service's user set, and what the service is linked to (ours).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::ServiceId;

/// Variables that programs of a service find in their environment, by name. Some are secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Variables(pub BTreeMap<String, String>);

impl Variables {
    /// Returns whether there are none.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Values never show in a log.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `get_environment`, and the parameter of `set_environment` at manager and agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EnvironmentView {
    /// The variables.
    pub environment: Variables,
}

/// A link of a service, as `link_service` and `list_links` show it: its password is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkView {
    /// The service whose programs use the link.
    pub service_id: ServiceId,
    /// The service that it is linked to.
    pub to_service_id: ServiceId,
    /// Whether the link can be used.
    pub state: LinkPhase,
    /// The account that was made for it.
    pub account: String,
    /// The database that was made for it.
    pub database: String,
    /// Where the other service is found; absent before it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The operation that the call began; absent when nothing outlives the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// `list_links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkList {
    /// All links of the application.
    pub links: Vec<LinkView>,
}

/// `get_link_password`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkPassword {
    /// The password of the link's account.
    pub password: String,
}

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkPhase {
    /// Its account is being made.
    Making,
    /// Programs find it in their environment.
    Ready,
    /// Programs do not find it any more, and its account goes.
    Leaving,
}

impl LinkPhase {
    /// All of them.
    pub(crate) const ALL: [LinkPhase; 3] = [LinkPhase::Making, LinkPhase::Ready, LinkPhase::Leaving];

    /// Returns its word.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LinkPhase::Making => "making",
            LinkPhase::Ready => "ready",
            LinkPhase::Leaving => "leaving",
        }
    }
}

/// `list_storage_links` (ours), oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageLinkList {
    /// The volumes that services mount.
    pub links: Vec<StorageLinkView>,
}

/// A volume of shared storage that a service mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageLinkView {
    /// The service that mounts it.
    pub service_id: ServiceId,
    /// The service that has it.
    pub to_service_id: ServiceId,
    /// The volume.
    pub volume: String,
    /// Where it is mounted.
    pub path: String,
    /// The address of the server that is asked.
    pub host: String,
}
