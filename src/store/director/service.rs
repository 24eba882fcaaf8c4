//! Services, as far as the director knows them.

use rusqlite::{Row, params};

use super::optional;
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::store::{StoreError, Transaction};

/// A service as stored.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Row number.
    pub rec_id: i64,
    /// Its application.
    pub aid: ApplicationId,
    /// Its id inside the application.
    pub sid: ServiceId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// UTC time of creation, ISO 8601 with microseconds.
    pub created: String,
}

/// Records that a service is about to be added. Returns the row number.
///
/// # Errors
/// The database fails.
pub(crate) fn begin_adding(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    kind: &str,
    created: &str,
) -> Result<i64, StoreError> {
    let name = format!("New {kind} service");
    tx.execute(
        "INSERT INTO service (application_id, name, type, created) VALUES (?1, ?2, ?3, ?4)",
        params![aid.0, name, kind, created],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Records the id that the manager gave. Returns the service, or `None` when
/// its application was stopped meanwhile.
///
/// # Errors
/// The database fails.
pub(crate) fn finish_adding(tx: &Transaction<'_>, rec_id: i64, sid: ServiceId) -> Result<Option<Service>, StoreError> {
    optional(tx.query_row("UPDATE service SET sid = ?2 WHERE rec_id = ?1 RETURNING *", [rec_id, sid.0], read))
}

/// Takes out a row by its number.
///
/// # Errors
/// The database fails.
pub(crate) fn delete(tx: &Transaction<'_>, rec_id: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM service WHERE rec_id = ?1", [rec_id])?;
    Ok(())
}

/// Takes out all rows of an application.
///
/// # Errors
/// The database fails.
pub(crate) fn delete_all(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM service WHERE application_id = ?1", [aid.0])?;
    Ok(())
}

/// A service of an application.
///
/// # Errors
/// The database fails.
pub(crate) fn get(tx: &Transaction<'_>, aid: ApplicationId, sid: ServiceId) -> Result<Option<Service>, StoreError> {
    optional(tx.query_row("SELECT * FROM service WHERE application_id = ?1 AND sid = ?2", [aid.0, sid.0], read))
}

/// All services of all applications of a user, or of one of them, by row number.
///
/// # Errors
/// The database fails.
pub(crate) fn list(tx: &Transaction<'_>, uid: UserId, only: Option<ApplicationId>) -> Result<Vec<Service>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT service.* FROM service JOIN application ON aid = application_id
         WHERE user_id = ?1 AND sid IS NOT NULL AND (?2 IS NULL OR aid = ?2) ORDER BY rec_id",
    )?;
    let rows = statement.query_map(params![uid.0, only.map(|aid| aid.0)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Rows whose adding was never finished: (row number, application).
///
/// # Errors
/// The database fails.
pub(crate) fn unfinished(tx: &Transaction<'_>) -> Result<Vec<(i64, ApplicationId)>, StoreError> {
    let mut statement = tx.prepare("SELECT rec_id, application_id FROM service WHERE sid IS NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, ApplicationId(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Renames a service.
///
/// # Errors
/// The database fails.
pub(crate) fn rename(tx: &Transaction<'_>, rec_id: i64, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET name = ?2 WHERE rec_id = ?1", params![rec_id, name])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        rec_id: row.get("rec_id")?,
        aid: ApplicationId(row.get("application_id")?),
        sid: ServiceId(row.get::<_, Option<i64>>("sid")?.unwrap_or_default()),
        name: row.get("name")?,
        kind: row.get("type")?,
        created: row.get("created")?,
    })
}
