//! The life of a service.
//!
//! ```text
//!            Start            Started           Change
//!   INIT ──────────▶ PROLOGUE ───────▶ RUNNING ────────▶ ADAPTING
//!    │ Stop   ▲        │  │ StartFailed   │ ◀──────────────  │
//!    │        │ Start  │  └────▶ ERROR    │     Changed      │
//!    ▼        │        │ Stop     │ Stop  │ Stop             │ Stop
//!   STOPPED ──┘        ▼          ▼       ▼                  │
//!    ▲               EPILOGUE ◀──────────────────────────────┘
//!    │ Stopped          │ │ StopFailed
//!    └──────────────────┘ └───────────▶ ERROR
//! ```
//!
//! `Remove` leads to EPILOGUE from everywhere. A change that failed was undone,
//! so it ends with `Changed` as well. `ManagerUp` is for service 0 alone, the
//! manager itself: it works as soon as it runs.

use super::state::State;

/// What can happen to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceEvent {
    /// Its owner asked for a start.
    Start,
    /// All nodes of the start work.
    Started,
    /// The start was undone.
    StartFailed,
    /// Its nodes, volumes or code are to change.
    Change,
    /// The change is done, or was undone.
    Changed,
    /// Its owner asked for a stop.
    Stop,
    /// Its owner asked for its removal.
    Remove,
    /// All nodes are given back, or will be.
    Stopped,
    /// The stop or the removal could not be done.
    StopFailed,
    /// The manager, which is a service itself, began to work.
    ManagerUp,
}

impl ServiceEvent {
    /// Returns the states in which this event can happen.
    #[must_use]
    pub(crate) fn states(self) -> Vec<State> {
        State::ALL.into_iter().filter(|state| state.can_take(self)).collect()
    }
}

/// An event that cannot happen in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a service in state {state} does not take {event:?}")]
pub(crate) struct WrongServiceState {
    /// The state it is in.
    pub state: State,
    /// What was to happen.
    pub event: ServiceEvent,
}

/// Returns the state of a service after `event`.
///
/// # Errors
/// The event does not fit the state.
pub(crate) fn next_service(state: State, event: ServiceEvent) -> Result<State, WrongServiceState> {
    use ServiceEvent as Event;
    match (state, event) {
        (State::Init | State::Stopped, Event::Start) => Ok(State::Prologue),
        (State::Prologue, Event::Started) | (State::Adapting, Event::Changed) | (_, Event::ManagerUp) => {
            Ok(State::Running)
        }
        (State::Prologue, Event::StartFailed) | (State::Epilogue, Event::StopFailed) => Ok(State::Error),
        (State::Running, Event::Change) => Ok(State::Adapting),
        // A service that never had nodes, or has none any more, is stopped at once.
        (State::Init | State::Stopped, Event::Stop) | (State::Epilogue, Event::Stopped) => Ok(State::Stopped),
        (_, Event::Stop | Event::Remove) => Ok(State::Epilogue),
        (state, event) => Err(WrongServiceState { state, event }),
    }
}

impl State {
    /// The states in which the nodes of a service are asked to do something by methods of its kind.
    pub(crate) const CALLABLE: &[State] = &[State::Running];
    /// The states in which a service may change its active code, in the order in which the wire's text lists them.
    pub(crate) const CODE_CAN_CHANGE: &[State] = &[State::Init, State::Stopped, State::Running];

    /// Returns whether `event` can happen to a service in this state.
    #[must_use]
    pub(crate) fn can_take(self, event: ServiceEvent) -> bool {
        next_service(self, event).is_ok()
    }

    /// Returns whether nodes of a service in this state take code and run it.
    #[must_use]
    pub(crate) fn can_call_nodes(self) -> bool {
        State::CALLABLE.contains(&self)
    }

    /// Returns whether a service in this state shows its nodes.
    #[must_use]
    pub(crate) fn can_show_nodes(self) -> bool {
        matches!(self, State::Running | State::Adapting)
    }

    /// Returns whether a service in this state has no nodes, and no operation that gives them back.
    #[must_use]
    pub(crate) fn is_stopped(self) -> bool {
        self == State::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Adapting, Epilogue, Error, Init, Prologue, Running, Stopped};

    /// The state after each event; one column for each state, in the order of [`State::ALL`].
    const TABLE: [(ServiceEvent, [Option<State>; 7]); 10] = [
        (ServiceEvent::Start, [Some(Prologue), None, None, None, None, Some(Prologue), None]),
        (ServiceEvent::Started, [None, Some(Running), None, None, None, None, None]),
        (ServiceEvent::StartFailed, [None, Some(Error), None, None, None, None, None]),
        (ServiceEvent::Change, [None, None, Some(Adapting), None, None, None, None]),
        (ServiceEvent::Changed, [None, None, None, Some(Running), None, None, None]),
        (
            ServiceEvent::Stop,
            [
                Some(Stopped),
                Some(Epilogue),
                Some(Epilogue),
                Some(Epilogue),
                Some(Epilogue),
                Some(Stopped),
                Some(Epilogue),
            ],
        ),
        (ServiceEvent::Remove, [Some(Epilogue); 7]),
        (ServiceEvent::Stopped, [None, None, None, None, Some(Stopped), None, None]),
        (ServiceEvent::StopFailed, [None, None, None, None, Some(Error), None, None]),
        (ServiceEvent::ManagerUp, [Some(Running); 7]),
    ];

    #[test]
    fn every_state_and_event_has_one_answer() {
        for (event, row) in TABLE {
            for (state, wanted) in State::ALL.into_iter().zip(row) {
                let refused = WrongServiceState { state, event };
                assert_eq!(next_service(state, event), wanted.ok_or(refused), "{state} {event:?}");
                assert_eq!(state.can_take(event), wanted.is_some(), "{state} {event:?}");
            }
        }
    }

    #[test]
    fn the_states_that_a_refusal_lists_stand_in_the_order_of_a_life() {
        assert_eq!(ServiceEvent::Start.states(), [Init, Stopped]);
        assert_eq!(ServiceEvent::Change.states(), [Running]);
        assert_eq!(ServiceEvent::Stop.states(), State::ALL);
    }

    #[test]
    fn a_service_shows_and_calls_its_nodes_only_while_it_works() {
        let of =
            |question: fn(State) -> bool| State::ALL.into_iter().filter(|state| question(*state)).collect::<Vec<_>>();
        assert_eq!(of(State::can_show_nodes), [Running, Adapting]);
        assert_eq!(of(State::can_call_nodes), [Running]);
        assert_eq!(of(State::is_stopped), [Stopped]);
        assert!([Init, Prologue, Error].iter().all(|state| !state.is_stopped()));
    }
}
