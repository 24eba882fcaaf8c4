//! Applications.

use rusqlite::{Row, params};

use super::{count, optional, parsed};
use crate::model::{ApplicationEvent, ApplicationId, State, UserId, WrongState, next_application};
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
    Ok(ApplicationId(tx.last_insert_rowid()))
}

/// The application `aid`, if it is `uid`'s.
///
/// # Errors
/// The database fails.
pub(crate) fn owned(tx: &Transaction<'_>, aid: ApplicationId, uid: UserId) -> Result<Option<Application>, StoreError> {
    optional(tx.query_row("SELECT * FROM application WHERE aid = ?1 AND user_id = ?2", [aid.0, uid.0], read))
}

/// All applications of `uid`, by id.
///
/// # Errors
/// The database fails.
pub(crate) fn list(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<Application>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM application WHERE user_id = ?1 ORDER BY aid")?;
    Ok(statement.query_map([uid.0], read)?.collect::<Result<_, _>>()?)
}

/// Whether `uid` has an application of this name.
///
/// # Errors
/// The database fails.
pub(crate) fn has_name(tx: &Transaction<'_>, uid: UserId, name: &str) -> Result<bool, StoreError> {
    count(tx, "SELECT EXISTS (SELECT 1 FROM application WHERE user_id = ?1 AND name = ?2)", params![uid.0, name])
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
/// error. The only way to another state. An event that does not fit the state
/// changes nothing.
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
    Ok(Advance::To(next))
}

/// The state of an application; `None` if it is gone.
///
/// # Errors
/// The database fails.
pub(crate) fn status(tx: &Transaction<'_>, aid: ApplicationId) -> Result<Option<State>, StoreError> {
    optional(tx.query_row("SELECT status FROM application WHERE aid = ?1", [aid.0], |row| parsed(row, "status")))
}

/// Removes an application and its services' rows.
///
/// # Errors
/// The database fails.
pub(crate) fn delete(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM application WHERE aid = ?1", [aid.0])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Application> {
    Ok(Application {
        aid: ApplicationId(row.get("aid")?),
        uid: UserId(row.get("user_id")?),
        name: row.get("name")?,
        status: parsed(row, "status")?,
        reason: row.get("reason")?,
    })
}
