//! Code versions of services.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row};

use super::json_column::{from_json, to_json};
use crate::model::{CodeFormat, ServiceId};
use crate::store::{StoreError, Transaction};

/// A code version. Its file lies in the code repository under its id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CodeRow {
    /// `code-XXXXXX` or `git-<revision>`.
    pub id: String,
    /// The name that its file was uploaded under, or the git revision.
    pub filename: String,
    /// The user's words.
    pub description: String,
    /// How its files are held.
    pub format: CodeFormat,
    /// When it came, seconds since 1970.
    pub time: f64,
    /// What may surprise its user.
    pub notes: Vec<String>,
}

/// What a code version was to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnabledRow {
    /// The version that it took the place of when it was first enabled, if that is known.
    pub came_after: Option<String>,
    /// The settings of the service when another version took its place, as its kind wrote them.
    pub last_settings: Option<String>,
}

/// Adds a code version; one with the same id gets another content.
pub(crate) fn insert_code(tx: &Transaction<'_>, sid: ServiceId, code: &CodeRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO code (sid, id, filename, description, filetype, time, notes) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT (sid, id) DO UPDATE SET filename = excluded.filename, description = excluded.description, \
               filetype = excluded.filetype, time = excluded.time, notes = excluded.notes";
    let notes = to_json(&code.notes)?;
    tx.execute(sql, (sid.0, &code.id, &code.filename, &code.description, code.format.as_str(), code.time, notes))?;
    Ok(())
}

/// Forgets a code version; the one that came after it came after the one before it.
pub(crate) fn delete_code(tx: &Transaction<'_>, sid: ServiceId, id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE code SET came_after = (SELECT came_after FROM code WHERE sid = ?1 AND id = ?2) \
               WHERE sid = ?1 AND came_after = ?2";
    tx.execute(sql, (sid.0, id))?;
    tx.execute("DELETE FROM code WHERE sid = ?1 AND id = ?2", (sid.0, id))?;
    Ok(())
}

/// Returns a code version, if it is there.
pub(crate) fn find_code(tx: &Transaction<'_>, sid: ServiceId, id: &str) -> Result<Option<CodeRow>, StoreError> {
    let sql = "SELECT id, filename, description, filetype, time, notes FROM code WHERE sid = ?1 AND id = ?2";
    tx.query_row(sql, (sid.0, id), read).optional()?.transpose()
}

/// Returns all code versions of a service, newest first.
pub(crate) fn list_codes(tx: &Transaction<'_>, sid: ServiceId) -> Result<Vec<CodeRow>, StoreError> {
    let sql = "SELECT id, filename, description, filetype, time, notes FROM code WHERE sid = ?1 ORDER BY time DESC, rowid DESC";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([sid.0], read)?;
    rows.map(|row| row?).collect()
}

/// Says which code version is active. The one before keeps the settings that it was served with, so they are to be changed
/// after this.
pub(crate) fn set_active_code(tx: &Transaction<'_>, sid: ServiceId, code: &str) -> Result<(), StoreError> {
    let sql = "UPDATE code SET last_settings = (SELECT settings FROM service WHERE sid = ?1) \
               WHERE sid = ?1 AND id != ?2 AND id = (SELECT active_code FROM service WHERE sid = ?1)";
    tx.execute(sql, (sid.0, code))?;
    let sql = "UPDATE code SET was_enabled = 1, came_after = (SELECT active_code FROM service WHERE sid = ?1) \
               WHERE sid = ?1 AND id = ?2 AND NOT was_enabled";
    tx.execute(sql, (sid.0, code))?;
    tx.execute("UPDATE service SET active_code = ?2 WHERE sid = ?1", (sid.0, code))?;
    Ok(())
}

/// Returns the code versions of a service that were ever enabled, by id.
pub(crate) fn enabled_codes(tx: &Transaction<'_>, sid: ServiceId) -> Result<BTreeMap<String, EnabledRow>, StoreError> {
    let sql = "SELECT id, came_after, last_settings FROM code WHERE sid = ?1 AND was_enabled";
    let mut statement = tx.prepare(sql)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, EnabledRow { came_after: row.get(1)?, last_settings: row.get(2)? }));
    Ok(statement.query_map([sid.0], read)?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<CodeRow, StoreError>> {
    let format: String = row.get(3)?;
    let (id, filename, description, time) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
    let notes: String = row.get(5)?;
    let format = format.parse().map_err(StoreError::Corrupt);
    Ok(format.and_then(|format| Ok(CodeRow { id, filename, description, format, time, notes: from_json(&notes)? })))
}
