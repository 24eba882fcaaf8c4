//! How the manager looks after a service: one document, whose form the care itself knows.

use rusqlite::OptionalExtension;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json_column::{from_json, to_json};
use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// Returns the document of a service; `None` while nothing was ever set.
pub(crate) fn find_care<D: DeserializeOwned>(tx: &Transaction<'_>, sid: ServiceId) -> Result<Option<D>, StoreError> {
    let text: Option<String> =
        tx.query_row("SELECT document FROM care WHERE sid = ?1", [sid.0], |row| row.get(0)).optional()?;
    text.map(|text| from_json(&text)).transpose()
}

/// Writes the document of a service that is there.
pub(crate) fn set_care<D: Serialize>(tx: &Transaction<'_>, sid: ServiceId, document: &D) -> Result<(), StoreError> {
    let sql = "INSERT INTO care (sid, document) SELECT sid, ?2 FROM service WHERE sid = ?1 \
               ON CONFLICT (sid) DO UPDATE SET document = ?2";
    tx.execute(sql, (sid.0, to_json(document)?))?;
    Ok(())
}
