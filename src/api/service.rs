//! The service object (`docs/reference/director-api.md` §3.4).

use serde::{Deserialize, Serialize};

use super::application::ApplicationView;
use crate::model::{ApplicationId, ServiceId, State};

/// What `/list` and `/add` say of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceView {
    /// The director's row number.
    pub rec_id: i64,
    /// The service's id inside its application.
    pub sid: ServiceId,
    /// Its name.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always `INIT`: the live state is the manager's to tell.
    pub state: State,
    /// UTC time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// Always null, as upstream.
    pub cloud: Option<String>,
    /// Always null, as upstream.
    pub subnet: Option<String>,
    /// The application's id.
    pub application_id: ApplicationId,
}

/// A service together with its application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceAndApplication {
    /// The service.
    pub service: ServiceView,
    /// Its application.
    pub application: ApplicationView,
}
