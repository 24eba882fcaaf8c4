//! Services and their history.

use rusqlite::{OptionalExtension, Row};

use crate::model::{ServiceEvent, ServiceId, State, WrongServiceState, next_service};
use crate::store::{StoreError, Transaction};

/// Entries of a service's history that are kept.
const MAX_HISTORY: i64 = 2000;

/// A service; 0 is the manager itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceRow {
    /// Its id.
    pub sid: ServiceId,
    /// Its kind's name; `manager` for 0.
    pub kind: String,
    /// Its state.
    pub state: State,
    /// Its active code version, where its kind has code.
    pub active_code: Option<String>,
    /// Why its last operation was undone, if it was.
    pub last_failure: Option<String>,
}

/// One change of state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryRow {
    /// Seconds since 1970.
    pub time: f64,
    /// The new state.
    pub state: State,
    /// Why.
    pub reason: String,
}

/// Why an event did not happen to a service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    /// The service is in a state that does not allow it.
    #[error(transparent)]
    WrongState(#[from] WrongServiceState),
    /// The service is not there any more.
    #[error("the service is gone")]
    Gone,
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a service in state `INIT` and returns its id; `sid` only for the manager itself.
pub(crate) fn insert_service(
    tx: &Transaction<'_>,
    sid: Option<ServiceId>,
    kind: &str,
    time: f64,
) -> Result<ServiceId, StoreError> {
    let (sid, state) = (sid.map(|sid| sid.0), State::Init);
    tx.execute("INSERT INTO service (sid, kind, state) VALUES (?1, ?2, ?3)", (sid, kind, state.as_str()))?;
    let sid = ServiceId(tx.last_insert_rowid());
    add_history(tx, sid, state, "", time)?;
    Ok(sid)
}

/// Removes a service with all that belongs to it.
pub(crate) fn delete_service(tx: &Transaction<'_>, sid: ServiceId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM service WHERE sid = ?1", [sid.0])?;
    Ok(())
}

/// Returns a service, if it is there.
pub(crate) fn find_service(tx: &Transaction<'_>, sid: ServiceId) -> Result<Option<ServiceRow>, StoreError> {
    let sql = "SELECT sid, kind, state, active_code, last_failure FROM service WHERE sid = ?1";
    let found = tx.query_row(sql, [sid.0], read_service).optional()?;
    found.transpose()
}

/// Returns all services by id, the manager itself first.
pub(crate) fn list_services(tx: &Transaction<'_>) -> Result<Vec<ServiceRow>, StoreError> {
    let mut statement = tx.prepare("SELECT sid, kind, state, active_code, last_failure FROM service ORDER BY sid")?;
    let rows = statement.query_map([], read_service)?;
    rows.map(|row| row?).collect()
}

/// Lets an event happen to a service: its state becomes the next one, with an entry in its history.
/// Nothing else changes the state of a service.
///
/// # Errors
/// The service is not there, its state does not allow the event, or the database fails.
pub(crate) fn record_event(
    tx: &Transaction<'_>,
    sid: ServiceId,
    event: ServiceEvent,
    reason: &str,
    time: f64,
) -> Result<State, EventError> {
    let row = find_service(tx, sid)?.ok_or(EventError::Gone)?;
    let state = next_service(row.state, event)?;
    set_state(tx, sid, state)?;
    add_history(tx, sid, state, reason, time)?;
    Ok(state)
}

/// Adds an entry to the history of a service that stays in its state.
pub(crate) fn note_event(tx: &Transaction<'_>, sid: ServiceId, reason: &str, time: f64) -> Result<(), StoreError> {
    let Some(row) = find_service(tx, sid)? else { return Ok(()) };
    add_history(tx, sid, row.state, reason, time)
}

fn set_state(tx: &Transaction<'_>, sid: ServiceId, state: State) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET state = ?2 WHERE sid = ?1", (sid.0, state.as_str()))?;
    Ok(())
}

fn add_history(tx: &Transaction<'_>, sid: ServiceId, state: State, reason: &str, time: f64) -> Result<(), StoreError> {
    let sql = "INSERT INTO history (sid, time, state, reason) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, (sid.0, time, state.as_str(), reason))?;
    let sql = "DELETE FROM history WHERE sid = ?1 AND number <= \
               (SELECT max(number) FROM history WHERE sid = ?1) - ?2";
    tx.execute(sql, (sid.0, MAX_HISTORY))?;
    Ok(())
}

/// Returns a service's history, oldest first.
pub(crate) fn history(tx: &Transaction<'_>, sid: ServiceId) -> Result<Vec<HistoryRow>, StoreError> {
    let mut statement = tx.prepare("SELECT time, state, reason FROM history WHERE sid = ?1 ORDER BY number")?;
    let rows = statement
        .query_map([sid.0], |row| Ok((row.get::<_, f64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    rows.map(|row| {
        let (time, state, reason) = row?;
        Ok(HistoryRow { time, state: state.parse().map_err(StoreError::Corrupt)?, reason })
    })
    .collect()
}

/// An entry of the history of a service, and its number among the entries of all services.
pub(crate) type NumberedHistory = (i64, ServiceId, HistoryRow);

/// Returns the first entries behind the number `after` of the histories of all services but the manager itself.
pub(crate) fn history_after(
    tx: &Transaction<'_>,
    after: i64,
    limit: usize,
) -> Result<Vec<NumberedHistory>, StoreError> {
    let sql =
        "SELECT number, sid, time, state, reason FROM history WHERE number > ?1 AND sid <> 0 ORDER BY number LIMIT ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map((after, limit as i64), |row| {
        let entry = (row.get::<_, f64>(2)?, row.get::<_, String>(3)?, row.get::<_, String>(4)?);
        Ok((row.get::<_, i64>(0)?, ServiceId(row.get(1)?), entry))
    })?;
    rows.map(|row| {
        let (number, sid, (time, state, reason)) = row?;
        Ok((number, sid, HistoryRow { time, state: state.parse().map_err(StoreError::Corrupt)?, reason }))
    })
    .collect()
}

/// Returns whether a service's history has an entry with this reason.
pub(crate) fn has_noted(tx: &Transaction<'_>, sid: ServiceId, reason: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM history WHERE sid = ?1 AND reason = ?2)";
    Ok(tx.query_row(sql, (sid.0, reason), |row| row.get(0))?)
}

/// Returns a service's settings as its kind wrote them; `None` while nothing was ever set.
pub(crate) fn service_settings(tx: &Transaction<'_>, sid: ServiceId) -> Result<Option<String>, StoreError> {
    let found = tx.query_row("SELECT settings FROM service WHERE sid = ?1", [sid.0], |row| row.get(0)).optional()?;
    Ok(found.flatten())
}

/// Writes a service's settings.
pub(crate) fn set_service_settings(
    tx: &Transaction<'_>,
    sid: ServiceId,
    settings: Option<&str>,
) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET settings = ?2 WHERE sid = ?1", (sid.0, settings))?;
    Ok(())
}

/// Returns whether a service runs what is pushed as soon as it is pushed.
pub(crate) fn auto_enable(tx: &Transaction<'_>, sid: ServiceId) -> Result<bool, StoreError> {
    let found = tx.query_row("SELECT auto_enable FROM service WHERE sid = ?1", [sid.0], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// Says whether a service runs what is pushed as soon as it is pushed.
pub(crate) fn set_auto_enable(tx: &Transaction<'_>, sid: ServiceId, is_wanted: bool) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET auto_enable = ?2 WHERE sid = ?1", (sid.0, is_wanted))?;
    Ok(())
}

/// Says why the last operation was undone, or that it was not.
pub(crate) fn set_last_failure(tx: &Transaction<'_>, sid: ServiceId, failure: Option<&str>) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET last_failure = ?2 WHERE sid = ?1", (sid.0, failure))?;
    Ok(())
}

fn read_service(row: &Row<'_>) -> rusqlite::Result<Result<ServiceRow, StoreError>> {
    let state: String = row.get(2)?;
    let (sid, kind, active_code, last_failure) = (ServiceId(row.get(0)?), row.get(1)?, row.get(3)?, row.get(4)?);
    Ok(match state.parse() {
        Ok(state) => Ok(ServiceRow { sid, kind, state, active_code, last_failure }),
        Err(error) => Err(StoreError::Corrupt(error)),
    })
}
