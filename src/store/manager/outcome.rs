//! How operations ended, the newest ones only.

use rusqlite::OptionalExtension;

use crate::store::{StoreError, Transaction};

/// Somebody who waits asks every second: a thousand operations later nobody does.
const MAX_KEPT: i64 = 1000;

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is recorded and has not ended.
    UnderWay,
    /// All of it is done.
    Done,
    /// It was undone, or given up, for this reason.
    Failed(String),
}

/// Records how an operation ended, and forgets the oldest ends.
pub(crate) fn insert_outcome(tx: &Transaction<'_>, id: &str, failure: Option<&str>) -> Result<(), StoreError> {
    tx.execute("INSERT OR REPLACE INTO outcome (id, failure) VALUES (?1, ?2)", (id, failure))?;
    tx.execute("DELETE FROM outcome WHERE number <= ?1", [tx.last_insert_rowid() - MAX_KEPT])?;
    Ok(())
}

/// Returns what became of an operation; `None` when it is not known, or not any more.
pub(crate) fn find_outcome(tx: &Transaction<'_>, id: &str) -> Result<Option<Outcome>, StoreError> {
    let is_under_way: bool =
        tx.query_row("SELECT EXISTS (SELECT 1 FROM operation WHERE id = ?1)", [id], |row| row.get(0))?;
    if is_under_way {
        return Ok(Some(Outcome::UnderWay));
    }
    let failure: Option<Option<String>> =
        tx.query_row("SELECT failure FROM outcome WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    Ok(failure.map(|failure| failure.map_or(Outcome::Done, Outcome::Failed)))
}
