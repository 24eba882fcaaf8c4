//! The states that applications and services share, and the life of an application.
//!
//! ```text
//!          start               manager up
//!   INIT ─────────▶ PROLOGUE ─────────────▶ RUNNING
//!                    ▲ ▲   │ start failed      │ manager lost
//!              start │ │   ▼                   │
//!                    │ └─ ERROR ◀──────────────┘
//!                    │
//!                 STOPPED ◀── stop or credit used up, from every state
//! ```
//!
//! Of an application nothing sets a state but [`next_application`]. A service
//! has `ADAPTING` and `EPILOGUE` besides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::actor::Actor;

/// Where an application or a service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    /// Made, never started.
    Init,
    /// Starting.
    Prologue,
    /// Working.
    Running,
    /// Working while its nodes, volumes or code change.
    Adapting,
    /// Stopping.
    Epilogue,
    /// Stopped; can be started again.
    Stopped,
    /// A start or a change failed; the reason is recorded with it.
    Error,
}

impl State {
    /// Every state, for tests that walk all of them.
    pub(crate) const ALL: [State; 7] =
        [State::Init, State::Prologue, State::Running, State::Adapting, State::Epilogue, State::Stopped, State::Error];

    /// Whether an application in this state may have nodes that are wanted.
    #[must_use]
    pub(crate) fn can_have_nodes(self) -> bool {
        !matches!(self, State::Init | State::Stopped)
    }

    /// The text on the wire.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Init => "INIT",
            State::Prologue => "PROLOGUE",
            State::Running => "RUNNING",
            State::Adapting => "ADAPTING",
            State::Epilogue => "EPILOGUE",
            State::Stopped => "STOPPED",
            State::Error => "ERROR",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("unknown state '{text}'"))
    }
}

/// What can happen to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApplicationEvent {
    /// Its owner, or a manifest, asked for a start.
    Start,
    /// Its manager answered.
    ManagerUp,
    /// Its manager could not be made or never answered.
    StartFailed,
    /// The cloud of its manager has lost the manager's node.
    ManagerLost,
    /// Its owner asked for a stop.
    Stop,
    /// The credit of its owner ran out.
    CreditUsedUp,
}

impl ApplicationEvent {
    /// Returns who had it happen.
    #[must_use]
    pub(crate) fn actor(self) -> Actor {
        match self {
            ApplicationEvent::Start | ApplicationEvent::Stop => Actor::User,
            ApplicationEvent::ManagerUp
            | ApplicationEvent::StartFailed
            | ApplicationEvent::ManagerLost
            | ApplicationEvent::CreditUsedUp => Actor::Director,
        }
    }

    /// Returns what is to be said of why it happened, if the event alone says it.
    #[must_use]
    pub(crate) fn reason(self) -> &'static str {
        match self {
            ApplicationEvent::CreditUsedUp => "The credit is used up",
            _ => "",
        }
    }
}

/// An event that cannot happen in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an application in state {state} does not take {event:?}")]
pub(crate) struct WrongState {
    /// The state it is in.
    pub state: State,
    /// What was to happen.
    pub event: ApplicationEvent,
}

/// The state of an application after `event`.
///
/// A stop is accepted in every state, as upstream does: it is how a user
/// gets out of any trouble.
///
/// # Errors
/// The event does not fit the state.
pub(crate) fn next_application(state: State, event: ApplicationEvent) -> Result<State, WrongState> {
    match (state, event) {
        (State::Init | State::Stopped | State::Error, ApplicationEvent::Start) => Ok(State::Prologue),
        (State::Prologue, ApplicationEvent::ManagerUp) => Ok(State::Running),
        (State::Prologue, ApplicationEvent::StartFailed) | (State::Running, ApplicationEvent::ManagerLost) => {
            Ok(State::Error)
        }
        (_, ApplicationEvent::Stop | ApplicationEvent::CreditUsedUp) => Ok(State::Stopped),
        (state, event) => Err(WrongState { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [ApplicationEvent; 6] = [
        ApplicationEvent::Start,
        ApplicationEvent::ManagerUp,
        ApplicationEvent::StartFailed,
        ApplicationEvent::ManagerLost,
        ApplicationEvent::Stop,
        ApplicationEvent::CreditUsedUp,
    ];

    #[test]
    fn every_state_and_event_has_one_answer() {
        for state in State::ALL {
            for event in EVENTS {
                let wanted = match (state, event) {
                    (_, ApplicationEvent::Stop | ApplicationEvent::CreditUsedUp) => Some(State::Stopped),
                    (State::Init | State::Stopped | State::Error, ApplicationEvent::Start) => Some(State::Prologue),
                    (State::Prologue, ApplicationEvent::ManagerUp) => Some(State::Running),
                    (State::Prologue, ApplicationEvent::StartFailed) => Some(State::Error),
                    (State::Running, ApplicationEvent::ManagerLost) => Some(State::Error),
                    _ => None,
                };
                assert_eq!(next_application(state, event).ok(), wanted, "{state} {event:?}");
            }
        }
    }

    #[test]
    fn an_application_that_was_never_started_or_was_stopped_has_no_nodes() {
        let without: Vec<State> = State::ALL.into_iter().filter(|state| !state.can_have_nodes()).collect();
        assert_eq!(without, [State::Init, State::Stopped]);
    }

    #[test]
    fn states_read_back_as_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
