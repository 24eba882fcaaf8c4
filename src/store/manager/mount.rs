//! Volumes of shared storage that services mount.

use rusqlite::Row;

use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// A volume that a service mounts in all of its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountRow {
    /// Its number, never used again.
    pub number: i64,
    /// The service that mounts it.
    pub sid: ServiceId,
    /// The service that has it.
    pub to_sid: ServiceId,
    /// The volume.
    pub volume: String,
    /// Where it is mounted.
    pub path: String,
    /// Where the service was told that the volume is found.
    pub host: String,
}

/// Adds a volume that a service is to mount.
pub(crate) fn insert_mount(
    tx: &Transaction<'_>,
    sid: ServiceId,
    to_sid: ServiceId,
    (volume, path): (&str, &str),
    host: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO mount (sid, to_sid, volume, path, host) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, (sid.0, to_sid.0, volume, path, host))?;
    Ok(())
}

/// Returns all volumes that services mount, oldest first.
pub(crate) fn list_mounts(tx: &Transaction<'_>) -> Result<Vec<MountRow>, StoreError> {
    let mut statement = tx.prepare("SELECT number, sid, to_sid, volume, path, host FROM mount ORDER BY number")?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Says where a service was told that its volume is found.
pub(crate) fn set_mount_host(tx: &Transaction<'_>, number: i64, host: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE mount SET host = ?2 WHERE number = ?1", (number, host))?;
    Ok(())
}

/// Forgets a volume that a service mounted.
pub(crate) fn delete_mount(tx: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM mount WHERE number = ?1", [number])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<MountRow, rusqlite::Error> {
    Ok(MountRow {
        number: row.get(0)?,
        sid: ServiceId(row.get(1)?),
        to_sid: ServiceId(row.get(2)?),
        volume: row.get(3)?,
        path: row.get(4)?,
        host: row.get(5)?,
    })
}
