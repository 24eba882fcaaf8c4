//! The service object (`docs/reference/director-api.md` §3.4).

use serde::{Deserialize, Serialize};

use super::application::ApplicationView;
use crate::model::{ApplicationId, ServiceId, State};

/// What `/list` and `/add` say of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceView {
    /// Always null, as upstream.
    pub subnet: Option<String>,
    /// The application's id.
    pub application_id: ApplicationId,
    /// Its name.
    pub name: String,
    /// UTC time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// The director's row number.
    pub rec_id: i64,
    /// Always `INIT`: the live state is the manager's to tell.
    pub state: State,
    /// The service's id inside its application.
    pub sid: ServiceId,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always null, as upstream.
    pub cloud: Option<String>,
}

/// A service together with its application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceAndApplication {
    /// Its application.
    pub application: ApplicationView,
    /// The service.
    pub service: ServiceView,
}
