//! The states of a daemon and what leads from one to the next.

use serde::{Deserialize, Serialize};

/// Where a daemon stands.
///
/// ```text
///             Start            Answered           Reload
///  Stopped ──────────▶ Starting ──────────▶ Ready ◀────────▶ Reloading
///     ▲                 ▲  ▲  │ Ended,       │ Ended   Answered  │ Ended, Silent
///     │ Cleared PauseOver│  │  │ Silent       │                  │
///     │                 │  │  └──────────────┴────────┬─────────┘
///  Stopping             │  │ Cleared                  ▼
///     ▲                 │ Restarting ◀── Restart ── Clearing ── GaveUp ──▶ Failed
///     │ Stop            │                             │ Cleared
///     └─ from all       └────────── BackingOff ◀──────┘
/// ```
///
/// `Restart` leads from every state in which processes may be left to `Restarting`, from the others to `Starting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DaemonState {
    /// It does not run, and is not to.
    Stopped,
    /// Its program runs, and does not answer yet.
    Starting,
    /// It answers.
    Ready,
    /// It reads a new configuration.
    Reloading,
    /// Its program is being ended, to be started anew at once.
    Restarting,
    /// Its program ended or never answered; what is left of it is being ended.
    Clearing,
    /// It waits for its next start.
    BackingOff,
    /// It was given up, until somebody asks again.
    Failed,
    /// All its processes are being ended.
    Stopping,
}

/// What happens to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DaemonEvent {
    /// It is to run; its program was started, or found running.
    Start,
    /// Its probe has an answer.
    Answered,
    /// Its probe had no answer in time.
    Silent,
    /// Its main process ended.
    Ended,
    /// None of its processes is left.
    Cleared,
    /// It ended too often in a row, or its processes cannot be ended.
    GaveUp,
    /// The pause before its next start is over.
    PauseOver,
    /// It is to read its configuration.
    Reload,
    /// It is to be started anew.
    Restart,
    /// It is to stop.
    Stop,
}

impl DaemonState {
    /// Returns the state after `event`; `None` for one that cannot happen in this state.
    #[must_use]
    pub(crate) fn next(self, event: DaemonEvent) -> Option<DaemonState> {
        use DaemonEvent as Event;
        use DaemonState as State;
        match (self, event) {
            (State::Stopped | State::Failed | State::BackingOff, Event::Start | Event::Restart) => {
                Some(State::Starting)
            }
            (State::BackingOff, Event::PauseOver) | (State::Restarting, Event::Cleared) => Some(State::Starting),
            (State::Starting | State::Reloading, Event::Answered) => Some(State::Ready),
            (State::Ready, Event::Reload) => Some(State::Reloading),
            (State::Starting | State::Reloading, Event::Silent | Event::Ended) | (State::Ready, Event::Ended) => {
                Some(State::Clearing)
            }
            (State::Clearing, Event::Cleared) => Some(State::BackingOff),
            (State::Starting | State::Clearing | State::Restarting | State::Stopping, Event::GaveUp) => {
                Some(State::Failed)
            }
            (state, Event::Restart) if state.may_have_processes() => Some(State::Restarting),
            (State::Stopped | State::BackingOff, Event::Stop) | (State::Stopping, Event::Cleared) => {
                Some(State::Stopped)
            }
            // What could not be ended before may still be there.
            (State::Failed, Event::Stop) => Some(State::Stopping),
            (state, Event::Stop) if state.may_have_processes() => Some(State::Stopping),
            _ => None,
        }
    }

    /// Returns whether it waits for its probe.
    #[must_use]
    pub(crate) fn is_waiting_for_answer(self) -> bool {
        matches!(self, DaemonState::Starting | DaemonState::Reloading)
    }

    /// Returns whether it can read a new configuration without being started anew.
    #[must_use]
    pub(crate) fn can_reload(self) -> bool {
        self.next(DaemonEvent::Reload).is_some()
    }

    fn may_have_processes(self) -> bool {
        use DaemonState as State;
        matches!(
            self,
            State::Starting | State::Ready | State::Reloading | State::Restarting | State::Clearing | State::Stopping
        )
    }
}

#[cfg(test)]
mod tests {
    use super::DaemonEvent as Event;
    use super::DaemonState as State;

    const STATES: [State; 9] = [
        State::Stopped,
        State::Starting,
        State::Ready,
        State::Reloading,
        State::Restarting,
        State::Clearing,
        State::BackingOff,
        State::Failed,
        State::Stopping,
    ];
    const EVENTS: [Event; 10] = [
        Event::Start,
        Event::Answered,
        Event::Silent,
        Event::Ended,
        Event::Cleared,
        Event::GaveUp,
        Event::PauseOver,
        Event::Reload,
        Event::Restart,
        Event::Stop,
    ];

    /// One row for each state; columns in the order of `EVENTS`; `--` where an event cannot happen.
    const TABLE: [(State, &str); 9] = [
        //                  Start Answ Sile Ended Clea Gave Pause Relo Restart Stop
        (State::Stopped, "     St   --   --   --   --   --   --   --   St   Sd"),
        (State::Starting, "    --   Re   Cl   Cl   --   Fa   --   --   Rs   Sg"),
        (State::Ready, "       --   --   --   Cl   --   --   --   Rl   Rs   Sg"),
        (State::Reloading, "   --   Re   Cl   Cl   --   --   --   --   Rs   Sg"),
        (State::Restarting, "  --   --   --   --   St   Fa   --   --   Rs   Sg"),
        (State::Clearing, "    --   --   --   --   Bo   Fa   --   --   Rs   Sg"),
        (State::BackingOff, "  St   --   --   --   --   --   St   --   St   Sd"),
        (State::Failed, "      St   --   --   --   --   --   --   --   St   Sg"),
        (State::Stopping, "    --   --   --   --   Sd   Fa   --   --   Rs   Sg"),
    ];

    fn short(state: Option<State>) -> &'static str {
        match state {
            None => "--",
            Some(State::Stopped) => "Sd",
            Some(State::Starting) => "St",
            Some(State::Ready) => "Re",
            Some(State::Reloading) => "Rl",
            Some(State::Restarting) => "Rs",
            Some(State::Clearing) => "Cl",
            Some(State::BackingOff) => "Bo",
            Some(State::Failed) => "Fa",
            Some(State::Stopping) => "Sg",
        }
    }

    #[test]
    fn every_event_in_every_state_leads_where_the_table_says() {
        for (at, (state, row)) in TABLE.iter().enumerate() {
            assert_eq!(*state, STATES[at]);
            let found: Vec<&str> = EVENTS.iter().map(|event| short(state.next(*event))).collect();
            assert_eq!(found, row.split_whitespace().collect::<Vec<_>>(), "{state:?}");
        }
    }

    #[test]
    fn every_state_can_be_stopped_and_started_anew() {
        for state in STATES {
            assert!(state.next(Event::Stop).is_some() && state.next(Event::Restart).is_some(), "{state:?}");
            assert_eq!(state.can_reload(), state == State::Ready, "{state:?}");
        }
    }
}
