//! What happened to the user's applications and services.
//!
//! A director of ConPaaS 2.0 tells nothing of it: the histories of running services are asked for in its place.

use super::error::Failure;
use super::lookup::FoundService;
use super::session::Session;
use crate::api::manager::StateChange;
use crate::api::{EventView, EventsView, ServiceAndApplication, WAIT_FOR};
use crate::model::{Actor, ApplicationId, State};

/// Services whose managers are asked where the director does not tell.
const MAX_SERVICES: usize = 24;
/// What a director says that has no such route.
const NO_ROUTE: &str = "HTTP status 404";

impl Session {
    /// Returns what happened after the event `since`, or the newest events; while there is nothing the answer waits,
    /// for so many seconds at the longest.
    pub(crate) async fn events(
        &self,
        application: Option<ApplicationId>,
        since: Option<i64>,
        seconds: u32,
    ) -> Result<EventsView, Failure> {
        let application = application.map(|aid| aid.to_string());
        let since = since.map(|since| since.to_string());
        let wait = seconds.to_string();
        let mut parameters = vec![(WAIT_FOR, wait.as_str())];
        parameters.extend(application.as_ref().map(|aid| ("app_id", aid.as_str())));
        parameters.extend(since.as_ref().map(|since| ("since", since.as_str())));
        self.get_with("events", &parameters).await
    }
}

/// What happened last.
pub(crate) struct Newest {
    /// Oldest first.
    pub events: Vec<EventView>,
    /// From where to go on; `None` where the director does not tell.
    pub last: Option<i64>,
}

/// Returns what happened last to all applications, or to one.
///
/// # Errors
/// The director cannot be called, or says why not.
pub(crate) async fn newest(session: &Session, application: Option<ApplicationId>) -> Result<Newest, Failure> {
    match session.events(application, None, 0).await {
        Ok(view) => Ok(Newest { events: view.events, last: Some(view.last) }),
        Err(failure) if failure.text.contains(NO_ROUTE) => {
            Ok(Newest { events: histories(session, application).await?, last: None })
        }
        Err(failure) => Err(failure),
    }
}

/// Returns the histories of all services whose applications run.
async fn histories(session: &Session, application: Option<ApplicationId>) -> Result<Vec<EventView>, Failure> {
    let mut services = session.services().await?;
    services.retain(|one| one.application.status == State::Running);
    services.retain(|one| application.is_none_or(|aid| one.application.aid == aid));
    let mut events = Vec::new();
    for one in services.iter().take(MAX_SERVICES) {
        session.learn_manager(&one.application);
        let found = FoundService { application: one.application.aid, service: one.service.sid };
        // A manager that is away for a moment has nothing to tell.
        let Ok(changes) = session.service_history(&found).await else { continue };
        events.extend(changes.into_iter().map(|change| event(one, change)));
    }
    events.sort_by(|one, other| one.time.total_cmp(&other.time));
    Ok(events)
}

fn event(of: &ServiceAndApplication, change: StateChange) -> EventView {
    EventView {
        id: 0,
        time: change.time,
        app_id: of.application.aid,
        app_name: of.application.name.clone(),
        service_id: Some(of.service.sid),
        service_name: Some(of.service.name.clone()),
        state: change.state,
        reason: change.reason,
        by: Actor::Manager,
    }
}
