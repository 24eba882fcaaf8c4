//! How long the director's machine has run in all.

use rusqlite::params;

use super::optional;
use crate::model::{RunningMark, SinceBoot};
use crate::store::{StoreError, Transaction};

/// The mark for `now`. Nothing is written, unless the machine was booted
/// since the last one: what this boot runs from now on shall count.
///
/// # Errors
/// The database fails.
pub(crate) fn look(tx: &Transaction<'_>, now: SinceBoot) -> Result<RunningMark, StoreError> {
    let last = last(tx)?;
    let mark = RunningMark::following(last.as_ref(), now);
    if last.is_none_or(|last| last.at.boot != mark.at.boot) {
        write(tx, &mark)?;
    }
    Ok(mark)
}

/// Writes a mark down: what the machine ran until then is never forgotten.
///
/// # Errors
/// The database fails.
pub(crate) fn write(tx: &Transaction<'_>, mark: &RunningMark) -> Result<(), StoreError> {
    tx.execute(
        "INSERT OR REPLACE INTO running_time (id, boot, since_boot, total) VALUES (1, ?1, ?2, ?3)",
        params![mark.at.boot, mark.at.seconds, mark.total_seconds],
    )?;
    Ok(())
}

fn last(tx: &Transaction<'_>) -> Result<Option<RunningMark>, StoreError> {
    optional(tx.query_row("SELECT boot, since_boot, total FROM running_time", [], |row| {
        let at = SinceBoot { boot: row.get("boot")?, seconds: row.get("since_boot")? };
        Ok(RunningMark { at, total_seconds: row.get("total")? })
    }))
}
