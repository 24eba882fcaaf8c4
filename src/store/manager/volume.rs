//! Volumes of services.

use rusqlite::{OptionalExtension, Row};

use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// A volume, from the moment it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VolumeRow {
    /// The user's name for it; unique in the application.
    pub name: String,
    /// Its service.
    pub sid: ServiceId,
    /// Its size in MB.
    pub size_mb: i64,
    /// The node that it is attached to.
    pub node_id: String,
    /// The internal name of its cloud.
    pub cloud: String,
    /// Its device in the node, such as `sdb`.
    pub device: String,
    /// The cloud's id of it, once it is known.
    pub volume_id: Option<String>,
    /// Whether it is kept, not destroyed, when it is given back.
    pub is_kept: bool,
}

/// Adds a volume; one that is there stays as it is.
pub(crate) fn insert_volume(tx: &Transaction<'_>, volume: &VolumeRow) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO volume (name, sid, size_mb, node_id, cloud, device, volume_id, kept) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let VolumeRow { name, sid, size_mb, node_id, cloud, device, volume_id, is_kept } = volume;
    tx.execute(sql, (name, sid.0, size_mb, node_id, cloud, device, volume_id, is_kept))?;
    Ok(())
}

/// Notes the cloud's id of a volume.
pub(crate) fn set_volume_id(tx: &Transaction<'_>, name: &str, volume_id: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET volume_id = ?2 WHERE name = ?1", (name, volume_id))?;
    Ok(())
}

/// Notes how large a volume is now.
pub(crate) fn set_volume_size(tx: &Transaction<'_>, name: &str, size_mb: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET size_mb = ?2 WHERE name = ?1", (name, size_mb))?;
    Ok(())
}

/// Says that the volumes of a service are kept when they are given back.
pub(crate) fn set_volumes_kept(tx: &Transaction<'_>, sid: ServiceId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET kept = 1 WHERE sid = ?1", [sid.0])?;
    Ok(())
}

/// Says that a volume goes with its node.
pub(crate) fn set_volume_in_use(tx: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET kept = 0 WHERE name = ?1", [name])?;
    Ok(())
}

/// Forgets a volume.
pub(crate) fn delete_volume(tx: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM volume WHERE name = ?1", [name])?;
    Ok(())
}

/// Returns a volume, if it is there.
pub(crate) fn find_volume(tx: &Transaction<'_>, name: &str) -> Result<Option<VolumeRow>, StoreError> {
    let sql = "SELECT name, sid, size_mb, node_id, cloud, device, volume_id, kept FROM volume WHERE name = ?1";
    Ok(tx.query_row(sql, [name], read).optional()?)
}

/// Returns the volumes of a service, or of all services, oldest first.
pub(crate) fn list_volumes(tx: &Transaction<'_>, sid: Option<ServiceId>) -> Result<Vec<VolumeRow>, StoreError> {
    let sql = "SELECT name, sid, size_mb, node_id, cloud, device, volume_id, kept FROM volume \
               WHERE ?1 IS NULL OR sid = ?1 ORDER BY rowid";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([sid.map(|sid| sid.0)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<VolumeRow> {
    Ok(VolumeRow {
        name: row.get(0)?,
        sid: ServiceId(row.get(1)?),
        size_mb: row.get(2)?,
        node_id: row.get(3)?,
        cloud: row.get(4)?,
        device: row.get(5)?,
        volume_id: row.get(6)?,
        is_kept: row.get(7)?,
    })
}
