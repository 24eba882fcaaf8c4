//! Manifests that are carried out. A row is there from before anything is done until its end, and tells that end to
//! those who ask.

use rusqlite::{OptionalExtension, Row, params};

use super::row::value;
use crate::model::{ApplicationId, UserId};
use crate::store::{StoreError, Transaction};

/// How ends of so many manifests of a user are told.
const MAX_KEPT: i64 = 50;

/// A manifest that is carried out.
#[derive(Clone)]
pub(crate) struct ManifestRow {
    /// By which its end is asked for.
    pub id: String,
    /// Whose it is.
    pub uid: UserId,
    /// The application that it makes.
    pub aid: ApplicationId,
    /// The cloud of what names no other.
    pub cloud: String,
    /// The manifest.
    pub document: String,
    /// How far it is, as whoever carries it out writes it.
    pub progress: String,
}

/// How far a manifest is, for those who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestEnd {
    /// Whether it goes on.
    pub is_under_way: bool,
    /// What is done now, or was done last.
    pub words: String,
    /// Why it was given up, if it was.
    pub failure: Option<String>,
}

/// Records a manifest that is to be carried out.
pub(crate) fn insert(tx: &Transaction<'_>, row: &ManifestRow) -> Result<(), StoreError> {
    let ManifestRow { id, uid, aid, cloud, document, progress } = row;
    let sql = "INSERT INTO manifest (id, user_id, app_id, cloud, document, progress, words) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, '')";
    tx.execute(sql, params![id, uid.0, aid.0, cloud, document, progress])?;
    let sql = "DELETE FROM manifest WHERE user_id = ?1 AND document IS NULL AND number NOT IN \
               (SELECT number FROM manifest WHERE user_id = ?1 ORDER BY number DESC LIMIT ?2)";
    tx.execute(sql, params![uid.0, MAX_KEPT])?;
    Ok(())
}

/// Records how far a manifest is.
pub(crate) fn set_progress(tx: &Transaction<'_>, id: &str, progress: &str, words: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE manifest SET progress = ?2, words = ?3 WHERE id = ?1", params![id, progress, words])?;
    Ok(())
}

/// Records how a manifest ended, and forgets what it said.
pub(crate) fn end(tx: &Transaction<'_>, id: &str, failure: Option<&str>) -> Result<(), StoreError> {
    tx.execute("UPDATE manifest SET document = NULL, failure = ?2 WHERE id = ?1", params![id, failure])?;
    Ok(())
}

/// Returns all manifests that are not at their end, oldest first.
pub(crate) fn under_way(tx: &Transaction<'_>) -> Result<Vec<ManifestRow>, StoreError> {
    let sql = "SELECT id, user_id, app_id, cloud, document, progress FROM manifest \
               WHERE document IS NOT NULL ORDER BY number";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns how many manifests of a user are not at their end.
pub(crate) fn n_under_way(tx: &Transaction<'_>, uid: UserId) -> Result<i64, StoreError> {
    value(tx, "SELECT count(*) FROM manifest WHERE document IS NOT NULL AND user_id = ?1", params![uid.0])
}

/// Returns how far a manifest of a user is; `None` when it is not known, or not any more.
pub(crate) fn find_end(tx: &Transaction<'_>, uid: UserId, id: &str) -> Result<Option<ManifestEnd>, StoreError> {
    let sql = "SELECT document IS NOT NULL, words, failure FROM manifest WHERE id = ?1 AND user_id = ?2";
    let found = tx.query_row(sql, params![id, uid.0], |row| {
        Ok(ManifestEnd { is_under_way: row.get(0)?, words: row.get(1)?, failure: row.get(2)? })
    });
    Ok(found.optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ManifestRow> {
    Ok(ManifestRow {
        id: row.get(0)?,
        uid: UserId(row.get(1)?),
        aid: ApplicationId(row.get(2)?),
        cloud: row.get(3)?,
        document: row.get(4)?,
        progress: row.get(5)?,
    })
}
