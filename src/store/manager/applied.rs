//! What nodes were brought to, part by part: the memory of a plan's `apply`.
//!
//! A part without a row was never seen there. A part whose digest is unknown
//! was about to change, and nobody saw that end: it is brought there again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json_column::{from_json, to_json};
use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// One part of one node. `S` is the call that takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppliedRow<S> {
    /// The node.
    pub node_id: String,
    /// The part's name, unique in its node.
    pub part: String,
    /// What the node was brought to; `None` while nobody knows.
    pub digest: Option<String>,
    /// How the part is taken back, if it has to be.
    pub stop: Option<S>,
}

/// Returns the parts of all nodes of a service.
pub(crate) fn list_applied<S: DeserializeOwned>(
    tx: &Transaction<'_>,
    sid: ServiceId,
) -> Result<Vec<AppliedRow<S>>, StoreError> {
    let sql = "SELECT node_id, part, digest, applied.stop FROM applied \
               JOIN node ON node.id = node_id WHERE sid = ?1 ORDER BY number, part";
    let mut statement = tx.prepare(sql)?;
    let rows = statement
        .query_map([sid.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?)))?;
    rows.map(|row| {
        let (node_id, part, digest, stop) = row?;
        let stop = stop.map(|text| from_json(&text)).transpose()?;
        Ok(AppliedRow { node_id, part, digest, stop })
    })
    .collect()
}

/// Notes that a part is about to change, so that a crash leaves it unknown.
pub(crate) fn begin_applied(tx: &Transaction<'_>, node_id: &str, part: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE applied SET digest = NULL WHERE node_id = ?1 AND part = ?2", (node_id, part))?;
    Ok(())
}

/// Notes what a part was brought to.
pub(crate) fn end_applied<S: Serialize>(
    tx: &Transaction<'_>,
    node_id: &str,
    part: &str,
    digest: &str,
    stop: Option<&S>,
) -> Result<(), StoreError> {
    let stop = stop.map(to_json).transpose()?;
    let sql = "INSERT INTO applied (node_id, part, digest, stop) \
               SELECT id, ?2, ?3, ?4 FROM node WHERE id = ?1 \
               ON CONFLICT (node_id, part) DO UPDATE SET digest = ?3, stop = ?4";
    tx.execute(sql, (node_id, part, digest, stop))?;
    Ok(())
}

/// Forgets a part that was taken back.
pub(crate) fn delete_applied(tx: &Transaction<'_>, node_id: &str, part: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM applied WHERE node_id = ?1 AND part = ?2", (node_id, part))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NodeView;
    use crate::store::manager::{MIGRATIONS, delete_nodes, insert_nodes, insert_service};

    #[test]
    fn a_part_is_unknown_between_its_beginning_and_its_end_and_goes_with_its_node() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        MIGRATIONS.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        let tx = connection.transaction().unwrap();
        let sid = insert_service(&tx, None, "generic", 0.0).unwrap();
        insert_nodes(&tx, sid, &[NodeView::sample("a")]).unwrap();
        let rows = || list_applied::<String>(&tx, sid).unwrap();

        end_applied(&tx, "a", "code", "d1", Some(&"end it".to_owned())).unwrap();
        assert_eq!((rows()[0].digest.as_deref(), rows()[0].stop.as_deref()), (Some("d1"), Some("end it")));
        begin_applied(&tx, "a", "code").unwrap();
        assert_eq!((rows()[0].digest.as_deref(), rows()[0].stop.as_deref()), (None, Some("end it")));

        begin_applied(&tx, "gone", "code").unwrap();
        end_applied::<String>(&tx, "gone", "code", "d1", None).unwrap();
        assert_eq!(rows().len(), 1);
        delete_nodes(&tx, &["a".to_owned()]).unwrap();
        assert_eq!(rows(), []);
    }
}
