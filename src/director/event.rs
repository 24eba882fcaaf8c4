//! What happened to applications and services, for their owners.
//!
//! The changes of an application are recorded where they are made (`store/director/application.rs`); those of services
//! stand in the histories of their managers, which tell them.
//!
//! # Guarantees
//! - An entry of a manager's history is recorded once, also when it is told again after a crash on either side.
//! - What a manager tells has bounds.
//!
//! Must not know: requests and answers.

use std::time::Duration;

use super::asker::Asker;
use super::change::{self, Found};
use super::error::Failure;
use super::node::request::unusable;
use super::state::Director;
use crate::api::{EventView, EventsView, HeardView, MAX_TOLD_EVENTS, ToldEvent};
use crate::model::{Actor, ApplicationId, ServiceId, UserId};
use crate::store::Transaction;
use crate::store::director::event::{self, Event, NewEvent, Wanted};
use crate::sys::excerpt::excerpt;

/// Events of one answer.
const MAX_SHOWN: i64 = 200;
const MAX_REASON_CHARS: usize = 1000;

/// Returns what happened to a user's applications, or to one of them, after the event `since`; without one the newest.
/// While there is nothing the answer waits, for `wait` at the longest.
pub(crate) async fn list(
    director: &Director,
    uid: UserId,
    aid: Option<ApplicationId>,
    since: Option<i64>,
    wait: Duration,
) -> Result<EventsView, Failure> {
    let wanted = Wanted { uid, aid, since, limit: MAX_SHOWN };
    let look = move |tx: &Transaction<'_>| {
        let found = event::list(tx, &wanted)?;
        // An older copy of the database knows fewer events than whoever asks.
        let most = event::last_number(tx)?;
        let last = found.last().map_or(since.unwrap_or(most).min(most), |event| event.number);
        let is_news = !found.is_empty() || since.is_none_or(|since| since > most);
        Ok(Found { value: EventsView { events: found.into_iter().map(view).collect(), last }, is_news })
    };
    change::until(director, wait, look).await
}

/// Records what a manager tells of its history behind the entry `after`, unless the director lacks entries before that.
/// Returns from where the manager goes on.
pub(crate) async fn tell(
    director: &Director,
    asker: Asker,
    after: i64,
    told: Vec<ToldEvent>,
) -> Result<HeardView, Failure> {
    if told.len() > MAX_TOLD_EVENTS {
        return Err(unusable("events", format!("a call has at most {MAX_TOLD_EVENTS}")));
    }
    let now = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
    // Taken back by a power cut, it is told again.
    let recorded = director.store.note(move |tx| {
        asker.expect_wanted(tx)?;
        record(tx, asker.aid, (after, &told), now)
    });
    Ok(HeardView { heard: recorded.await? })
}

fn record(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    (after, told): (i64, &[ToldEvent]),
    now: f64,
) -> Result<i64, Failure> {
    let heard = event::heard(tx, aid)?.unwrap_or_default();
    if after > heard {
        return Ok(heard);
    }
    let mut last = heard;
    for entry in told.iter().filter(|entry| entry.service_id != ServiceId::MANAGER) {
        if entry.number <= last {
            continue;
        }
        last = entry.number;
        let reason = excerpt(&entry.reason, MAX_REASON_CHARS);
        let new = NewEvent {
            aid,
            sid: Some(entry.service_id),
            time: entry.time.clamp(0.0, now),
            state: entry.state,
            reason: &reason,
            actor: Actor::Manager,
        };
        event::insert(tx, &new)?;
    }
    if last != heard {
        event::set_heard(tx, aid, last)?;
    }
    Ok(last)
}

fn view(event: Event) -> EventView {
    EventView {
        id: event.number,
        time: event.time,
        app_id: event.aid,
        app_name: event.app_name,
        service_id: event.sid,
        service_name: event.service_name,
        state: event.state,
        reason: event.reason,
        by: event.actor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeRole, State};
    use crate::store::director::sample::Sample;

    fn told(number: i64, reason: &str) -> ToldEvent {
        ToldEvent { number, service_id: ServiceId(1), time: 1e300, state: State::Running, reason: reason.to_owned() }
    }

    #[test]
    fn what_a_manager_tells_is_recorded_once_and_without_a_gap() {
        let sample = Sample::new(0);
        sample.add_node("n1", NodeRole::Manager);
        let tell = |after, entries: &[ToldEvent]| sample.write(|tx| record(tx, sample.aid, (after, entries), 7.0)).ok();
        assert_eq!(tell(0, &[told(1, "a"), told(3, "\u{1b}b")]), Some(3));
        assert_eq!(tell(0, &[told(1, "a"), told(3, "b"), told(4, "c")]), Some(4), "a repetition");
        assert_eq!(tell(9, &[told(10, "z")]), Some(4), "entries 5 to 9 are missing");
        assert_eq!(tell(4, &[ToldEvent { service_id: ServiceId::MANAGER, ..told(5, "the manager itself") }]), Some(4));
        let wanted = Wanted { uid: sample.uid, aid: None, since: None, limit: 100 };
        let events = sample.run(|tx| event::list(tx, &wanted));
        let reasons: Vec<&str> = events.iter().skip(1).map(|event| event.reason.as_str()).collect();
        assert_eq!(reasons, ["a", "\\u{1b}b", "c"]);
        assert!(events.iter().skip(1).all(|event| event.time <= 7.0 && event.actor == Actor::Manager));
    }
}
