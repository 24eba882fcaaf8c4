//! Applications.

use rusqlite::{Row, params};

use super::event::{self, NewEvent};
use super::row::{one, parsed, readable, value};
use crate::model::{Actor, ApplicationEvent, ApplicationId, State, UserId, WrongState, next_application};
use crate::store::{StoreError, Transaction};

/// An application as stored.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    /// Its id.
    pub aid: ApplicationId,
    /// Its owner.
    pub uid: UserId,
    /// Its name; unique among its owner's.
    pub name: String,
    /// Its state.
    pub status: State,
    /// Why the last start failed.
    pub reason: Option<String>,
}

/// What an event did to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Advance {
    /// It is in this state now.
    To(State),
    /// The event does not fit the state that it is in, and stays in.
    Refused(WrongState),
    /// There is no such application any more.
    Gone,
}

/// Adds an application.
///
/// # Errors
/// [`StoreError::Exists`] when its owner has one of that name.
pub(crate) fn insert(tx: &Transaction<'_>, uid: UserId, name: &str) -> Result<ApplicationId, StoreError> {
    tx.execute("INSERT INTO application (user_id, name) VALUES (?1, ?2)", params![uid.0, name])?;
    let aid = ApplicationId(tx.last_insert_rowid());
    tell(tx, aid, State::Init, "", Actor::User)?;
    Ok(aid)
}

/// Returns the application `aid`, if it is `uid`'s.
pub(crate) fn owned(tx: &Transaction<'_>, aid: ApplicationId, uid: UserId) -> Result<Option<Application>, StoreError> {
    one(tx, "SELECT * FROM application WHERE aid = ?1 AND user_id = ?2", [aid.0, uid.0], read)
}

/// Returns all applications of `uid`, by id.
pub(crate) fn list(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<Application>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM application WHERE user_id = ?1 ORDER BY aid")?;
    readable("application", statement.query_map([uid.0], read)?)
}

/// Returns whether `uid` has an application of this name.
pub(crate) fn has_name(tx: &Transaction<'_>, uid: UserId, name: &str) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM application WHERE user_id = ?1 AND name = ?2)", params![uid.0, name])
}

/// Renames an application.
///
/// # Errors
/// [`StoreError::Exists`] when its owner has one of that name.
pub(crate) fn rename(tx: &Transaction<'_>, aid: ApplicationId, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE application SET name = ?2 WHERE aid = ?1", params![aid.0, name])?;
    Ok(())
}

/// Moves an application on by what happened to it, with the reason of an
/// error, and tells its owner. The only way to another state. An event that does
/// not fit the state changes nothing.
pub(crate) fn advance(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    event: ApplicationEvent,
    reason: Option<&str>,
) -> Result<Advance, StoreError> {
    let Some(state) = status(tx, aid)? else { return Ok(Advance::Gone) };
    let next = match next_application(state, event) {
        Ok(next) => next,
        Err(wrong) => return Ok(Advance::Refused(wrong)),
    };
    let sql = "UPDATE application SET status = ?2, reason = ?3 WHERE aid = ?1";
    tx.execute(sql, params![aid.0, next.as_str(), reason])?;
    if next != state {
        tell(tx, aid, next, reason.unwrap_or(event.reason()), event.actor())?;
    }
    Ok(Advance::To(next))
}

/// Returns the state of an application; `None` if it is gone.
pub(crate) fn status(tx: &Transaction<'_>, aid: ApplicationId) -> Result<Option<State>, StoreError> {
    let sql = "SELECT status FROM application WHERE aid = ?1";
    // One that cannot be read is shown as an error, out of which a stop leads.
    one(tx, sql, [aid.0], |row| Ok(parsed(row, "status").unwrap_or(State::Error)))
}

/// Removes an application and its services' rows.
pub(crate) fn delete(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tell(tx, aid, State::Stopped, "The application is deleted", Actor::User)?;
    tx.execute("DELETE FROM application WHERE aid = ?1", [aid.0])?;
    Ok(())
}

fn tell(tx: &Transaction<'_>, aid: ApplicationId, state: State, reason: &str, actor: Actor) -> Result<(), StoreError> {
    let time = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
    event::insert(tx, &NewEvent { aid, sid: None, time, state, reason, actor })
}

/// Reads a row that is as it should be.
pub(super) fn read_sound(row: &Row<'_>) -> rusqlite::Result<()> {
    let (_, _): (State, String) = (parsed(row, "status")?, row.get("name")?);
    read(row).map(drop)
}

/// Reads also a damaged row: its owner sees that it is.
fn read(row: &Row<'_>) -> rusqlite::Result<Application> {
    let (status, reason) = match parsed(row, "status") {
        Ok(status) => (status, row.get("reason")?),
        Err(error) => {
            let text = format!("its record is damaged ({error}); stop the application and start it again");
            (State::Error, Some(text))
        }
    };
    Ok(Application {
        aid: ApplicationId(row.get("aid")?),
        uid: UserId(row.get("user_id")?),
        name: String::from_utf8_lossy(row.get_ref("name")?.as_bytes()?).into_owned(),
        status,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, new_user};
    use super::super::user;
    use super::*;

    #[test]
    fn an_event_moves_an_application_on_or_changes_nothing() {
        let sample = Sample::new(0);
        let advance = |event, reason| sample.run(|tx| advance(tx, sample.aid, event, reason));
        assert!(matches!(advance(ApplicationEvent::ManagerUp, Some("no")), Advance::Refused(_)));
        assert_eq!((sample.state(), sample.application().reason), (Some(State::Init), None));
        assert_eq!(advance(ApplicationEvent::Start, None), Advance::To(State::Prologue));
        assert_eq!(advance(ApplicationEvent::StartFailed, Some("why")), Advance::To(State::Error));
        assert_eq!(sample.application().reason.as_deref(), Some("why"));
        assert_eq!(advance(ApplicationEvent::Stop, None), Advance::To(State::Stopped));
        assert_eq!(sample.application().reason, None, "a reason belongs to an error");
        sample.run(|tx| delete(tx, sample.aid));
        assert_eq!(advance(ApplicationEvent::Start, None), Advance::Gone);
    }

    #[test]
    fn a_damaged_row_is_shown_as_an_error_that_a_stop_mends() {
        let sample = Sample::new(0);
        let damage = |sql: &str| sample.run(|tx| Ok(tx.execute(sql, []).map(drop)?));
        damage("UPDATE application SET status = 'RUNNIMG', name = CAST(x'61ff62' AS TEXT)");
        let shown = sample.run(|tx| list(tx, sample.uid)).pop().expect("it is listed");
        assert_eq!((shown.status, shown.name.as_str()), (State::Error, "a\u{fffd}b"));
        assert!(shown.reason.is_some_and(|reason| reason.contains("damaged") && reason.contains("RUNNIMG")));
        let lines = sample.run(super::super::unreadable);
        assert!(lines.len() == 1 && lines[0].contains("row 1 of table application"), "{lines:?}");
        let stopped = sample.run(|tx| advance(tx, sample.aid, ApplicationEvent::Stop, None));
        assert_eq!((stopped, sample.state()), (Advance::To(State::Stopped), Some(State::Stopped)));
    }

    #[test]
    fn names_are_unique_among_an_owners_and_applications_are_their_owners() {
        let sample = Sample::new(0);
        let bob = sample.run(|tx| user::insert(tx, &new_user("bob", 0)));
        let other = sample.run(|tx| insert(tx, bob, "app"));
        assert!(sample.run(|tx| has_name(tx, bob, "app")) && !sample.run(|tx| has_name(tx, bob, "App")));
        assert!(sample.run(|tx| owned(tx, other, sample.uid)).is_none());
        assert_eq!(sample.run(|tx| owned(tx, other, bob)).map(|found| found.name).as_deref(), Some("app"));
        assert!(matches!(sample.write(|tx| insert(tx, bob, "app")), Err(StoreError::Exists(_))));
        let second = sample.run(|tx| insert(tx, bob, "b"));
        assert!(matches!(sample.write(|tx| rename(tx, second, "app")), Err(StoreError::Exists(_))));
        sample.run(|tx| rename(tx, second, "c"));
        let names: Vec<String> = sample.run(|tx| list(tx, bob)).into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["app", "c"]);
    }
}
