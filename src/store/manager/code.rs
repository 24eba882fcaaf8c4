//! Code versions of services.

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

/// Adds a code version; one with the same id is replaced.
pub(crate) fn insert_code(tx: &Transaction<'_>, sid: ServiceId, code: &CodeRow) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO code (sid, id, filename, description, filetype, time, notes) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let notes = to_json(&code.notes)?;
    tx.execute(sql, (sid.0, &code.id, &code.filename, &code.description, code.format.as_str(), code.time, notes))?;
    Ok(())
}

/// Forgets a code version.
pub(crate) fn delete_code(tx: &Transaction<'_>, sid: ServiceId, id: &str) -> Result<(), StoreError> {
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

fn read(row: &Row<'_>) -> rusqlite::Result<Result<CodeRow, StoreError>> {
    let format: String = row.get(3)?;
    let (id, filename, description, time) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
    let notes: String = row.get(5)?;
    let format = format.parse().map_err(StoreError::Corrupt);
    Ok(format.and_then(|format| Ok(CodeRow { id, filename, description, format, time, notes: from_json(&notes)? })))
}
