//! Links between services, and the environment of their programs.

use rusqlite::{OptionalExtension, Row};

use super::json_column::{from_json, to_json};
use crate::api::environment::{LinkPhase, Variables};
use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

const COLUMNS: &str = "number, sid, to_sid, phase, name, password, is_shown, host, port, incarnation";

/// An account that a service is given of another one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LinkRow {
    /// Its number, never used again.
    pub number: i64,
    /// The service whose programs use it.
    pub sid: ServiceId,
    /// The service that has the account.
    pub to_sid: ServiceId,
    /// Where it stands.
    pub phase: LinkPhase,
    /// What was made for it there, such as a database.
    pub name: String,
    /// The password of the account.
    pub password: String,
    /// Whether somebody has seen the password.
    pub is_shown: bool,
    /// Where the other service was found when the account was made.
    pub place: Option<LinkPlace>,
}

impl LinkRow {
    /// Returns the name of its account.
    #[must_use]
    pub(crate) fn account(&self) -> String {
        format!("link{}", self.number)
    }
}

/// Where a service is found that others are linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkPlace {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Another word means that its accounts may be others.
    pub incarnation: String,
}

/// Adds a link that is to be made, and returns its number.
pub(crate) fn insert_link(
    tx: &Transaction<'_>,
    sid: ServiceId,
    to_sid: ServiceId,
    name: &str,
    password: &str,
) -> Result<i64, StoreError> {
    let sql = "INSERT INTO link (sid, to_sid, phase, name, password) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, (sid.0, to_sid.0, LinkPhase::Making.as_str(), name, password))?;
    Ok(tx.last_insert_rowid())
}

/// Returns a link, if it is there.
pub(crate) fn find_link(tx: &Transaction<'_>, number: i64) -> Result<Option<LinkRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM link WHERE number = ?1");
    tx.query_row(&sql, [number], read).optional()?.transpose()
}

/// Returns all links, oldest first.
pub(crate) fn list_links(tx: &Transaction<'_>) -> Result<Vec<LinkRow>, StoreError> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM link ORDER BY number"))?;
    let rows = statement.query_map([], read)?;
    rows.map(|row| row?).collect()
}

/// Says where a link stands.
pub(crate) fn set_link_phase(tx: &Transaction<'_>, number: i64, phase: LinkPhase) -> Result<(), StoreError> {
    tx.execute("UPDATE link SET phase = ?2 WHERE number = ?1", (number, phase.as_str()))?;
    Ok(())
}

/// Says where the other service is found; the link can be used then.
pub(crate) fn set_link_place(tx: &Transaction<'_>, number: i64, place: &LinkPlace) -> Result<(), StoreError> {
    let sql = "UPDATE link SET phase = ?2, host = ?3, port = ?4, incarnation = ?5 WHERE number = ?1";
    let LinkPlace { host, port, incarnation } = place;
    tx.execute(sql, (number, LinkPhase::Ready.as_str(), host, port, incarnation))?;
    Ok(())
}

/// Says that somebody has seen the password of a link.
pub(crate) fn set_link_shown(tx: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE link SET is_shown = 1 WHERE number = ?1", [number])?;
    Ok(())
}

/// Forgets a link.
pub(crate) fn delete_link(tx: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM link WHERE number = ?1", [number])?;
    Ok(())
}

/// Returns what the user of a service set for the environment of its programs.
pub(crate) fn service_environment(tx: &Transaction<'_>, sid: ServiceId) -> Result<Variables, StoreError> {
    let sql = "SELECT environment FROM service WHERE sid = ?1";
    let text: Option<String> = tx.query_row(sql, [sid.0], |row| row.get(0)).optional()?;
    text.map_or_else(|| Ok(Variables::default()), |text| from_json(&text))
}

/// Writes what the user of a service set for the environment of its programs.
pub(crate) fn set_service_environment(
    tx: &Transaction<'_>,
    sid: ServiceId,
    environment: &Variables,
) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET environment = ?2 WHERE sid = ?1", (sid.0, to_json(environment)?))?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<LinkRow, StoreError>> {
    let word: String = row.get(3)?;
    let Some(phase) = LinkPhase::ALL.into_iter().find(|phase| phase.as_str() == word) else {
        return Ok(Err(StoreError::Corrupt(format!("a link is '{word}'"))));
    };
    let place = match (row.get(7)?, row.get(8)?, row.get(9)?) {
        (Some(host), Some(port), Some(incarnation)) => Some(LinkPlace { host, port, incarnation }),
        _ => None,
    };
    Ok(Ok(LinkRow {
        number: row.get(0)?,
        sid: ServiceId(row.get(1)?),
        to_sid: ServiceId(row.get(2)?),
        phase,
        name: row.get(4)?,
        password: row.get(5)?,
        is_shown: row.get(6)?,
        place,
    }))
}
