//! What happened to a user's applications and services (`docs/reference/director-api.md`). ConPaaS 2.0 has nothing of this.

use serde::{Deserialize, Serialize};

use crate::model::{Actor, ApplicationId, ServiceId, State};

/// `/events`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventsView {
    /// Oldest first.
    pub events: Vec<EventView>,
    /// From where the next question goes on, as its `since`.
    pub last: i64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventView {
    /// Later events have higher ones.
    pub id: i64,
    /// Seconds since 1970.
    pub time: f64,
    /// The application.
    pub app_id: ApplicationId,
    /// The application's name at that time.
    pub app_name: String,
    /// The service, where it happened to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_id: Option<ServiceId>,
    /// The service's name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The state that it led to.
    pub state: State,
    /// Why; may be empty.
    pub reason: String,
    /// Who had it happen.
    pub by: Actor,
}

impl EventView {
    /// Returns the service's name, or its number where that is not known; `None` of what happened to an application.
    pub(crate) fn service(&self) -> Option<String> {
        self.service_name.clone().or(self.service_id.map(|sid| sid.to_string()))
    }

    /// Returns when it happened, in whole seconds since 1970.
    #[expect(clippy::cast_possible_truncation, reason = "times of this era fit")]
    pub(crate) fn seconds(&self) -> i64 {
        self.time as i64
    }
}

/// An entry of the history of a service, as a manager tells of it to `/tell_events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToldEvent {
    /// Later entries have higher ones.
    pub number: i64,
    /// The service.
    pub service_id: ServiceId,
    /// Seconds since 1970.
    pub time: f64,
    /// The new state.
    pub state: State,
    /// Why; may be empty.
    pub reason: String,
}

/// `/tell_events`: from where a manager goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeardView {
    /// The number of the last entry that the director has.
    pub heard: i64,
}

/// The most entries of one call of `/tell_events`.
pub(crate) const MAX_TOLD_EVENTS: usize = 100;
