//! The application object (`docs/reference/director-api.md` §3.3).

use serde::{Deserialize, Serialize};

use crate::model::{ApplicationId, State, UserId};

/// What `/listapp` and `/createapp` say of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApplicationView {
    /// Its state.
    pub status: State,
    /// Its name.
    pub name: String,
    /// The cloud's id of the manager's node.
    pub vmid: Option<String>,
    /// The manager's address, once it is up.
    pub manager: Option<String>,
    /// The application's id.
    pub aid: ApplicationId,
    /// The internal name of the manager's cloud (`iaas` is the default one).
    pub cloud: Option<String>,
    /// Its owner.
    pub uid: UserId,
    /// The manager's port, when it is not 443, which ConPaaS 2.0 does not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager_port: Option<u16>,
    /// Why the last start failed, in state `ERROR`, which ConPaaS 2.0 does not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

#[cfg(test)]
impl ApplicationView {
    /// An application that runs.
    pub(crate) fn sample(aid: i64, name: &str) -> Self {
        ApplicationView {
            status: State::Running,
            name: name.to_owned(),
            vmid: None,
            manager: None,
            aid: ApplicationId(aid),
            cloud: None,
            uid: UserId(1),
            manager_port: None,
            reason: None,
        }
    }
}
