//! Volumes.

use rusqlite::{Row, params};

use super::orphan;
use super::row::{optional, parsed, readable, unknown};
use crate::model::{ApplicationId, CloudName, NodeTag, UserId, VolumeTag};
use crate::store::{StoreError, Transaction};

/// Where a volume is between being wanted and being gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Wanted; its cloud may have it or not.
    Making,
    /// It is there.
    Ready,
    /// Not wanted any more; its cloud may still have it.
    Removing,
}

/// A volume to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewVolume {
    /// Finds it again in its cloud.
    pub tag: VolumeTag,
    /// Its cloud.
    pub cloud: CloudName,
    /// Whose it is.
    pub uid: UserId,
    /// Its application.
    pub aid: ApplicationId,
    /// The manager's operation that asked for it.
    pub operation: Option<String>,
    /// The name that people see.
    pub name: String,
    /// Size in MB.
    pub size_mb: u64,
}

/// A volume as stored.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    /// Row number.
    pub id: i64,
    /// Where it is.
    pub phase: Phase,
    /// What was wanted.
    pub wanted: NewVolume,
    /// The cloud's id, once it is there.
    pub volume_id: Option<String>,
}

/// Records that a volume is wanted.
pub(crate) fn insert(tx: &Transaction<'_>, volume: &NewVolume) -> Result<i64, StoreError> {
    tx.execute(
        "INSERT INTO volume (tag, phase, cloud, user_id, app_id, operation, name, size_mb)
         VALUES (?1, 'making', ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            volume.tag.as_str(),
            volume.cloud.as_str(),
            volume.uid.0,
            volume.aid.0,
            volume.operation,
            volume.name,
            i64::try_from(volume.size_mb).unwrap_or(i64::MAX)
        ],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Records that a volume that is still wanted is there. Returns whether it is still wanted.
///
/// # Errors
/// [`StoreError::Exists`] when another volume has that id.
pub(crate) fn set_ready(tx: &Transaction<'_>, id: i64, volume_id: &str) -> Result<bool, StoreError> {
    let n_changed = tx.execute(
        "UPDATE volume SET phase = 'ready', volume_id = ?2 WHERE id = ?1 AND phase = 'making'",
        params![id, volume_id],
    )?;
    Ok(n_changed == 1)
}

/// Records where a volume is, or is about to be, attached.
pub(crate) fn set_attached(tx: &Transaction<'_>, id: i64, node: Option<(&NodeTag, &str)>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE volume SET attached_tag = ?2, device = ?3 WHERE id = ?1",
        params![id, node.map(|(tag, _)| tag.as_str()), node.map(|(_, device)| device)],
    )?;
    Ok(())
}

/// Records that a volume is not wanted any more.
pub(crate) fn set_removing(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// Records that no volume of an application is wanted any more.
pub(crate) fn set_all_removing(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE app_id = ?1", [aid.0])?;
    Ok(())
}

/// Records that the volumes attached to a node are not wanted any more: they go with it, as upstream.
pub(crate) fn set_removing_with_node(tx: &Transaction<'_>, node: &NodeTag) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE attached_tag = ?1", [node.as_str()])?;
    Ok(())
}

/// Takes out a volume that its cloud has removed.
pub(crate) fn delete(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM volume WHERE id = ?1 AND phase = 'removing' RETURNING tag";
    let tag: Option<String> = optional(tx.query_row(sql, [id], |row| row.get(0)))?;
    tag.map_or(Ok(()), |tag| orphan::remember_removed(tx, &tag))
}

/// Returns every volume.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Volume>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM volume ORDER BY id")?;
    readable("volume", statement.query_map([], read)?)
}

/// Returns a volume of an application by the cloud's id, unless it is on its way out.
pub(crate) fn by_volume_id(tx: &Transaction<'_>, aid: ApplicationId, id: &str) -> Result<Option<Volume>, StoreError> {
    optional(tx.query_row(
        "SELECT * FROM volume WHERE app_id = ?1 AND volume_id = ?2 AND phase = 'ready'",
        params![aid.0, id],
        read,
    ))
}

/// Returns the volume that one operation of a manager asked for.
pub(crate) fn of_operation(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    operation: &str,
) -> Result<Option<Volume>, StoreError> {
    optional(tx.query_row(
        "SELECT * FROM volume WHERE app_id = ?1 AND operation = ?2 ORDER BY id DESC LIMIT 1",
        params![aid.0, operation],
        read,
    ))
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Volume> {
    let phase: String = row.get("phase")?;
    let size: i64 = row.get("size_mb")?;
    Ok(Volume {
        id: row.get("id")?,
        phase: match phase.as_str() {
            "making" => Phase::Making,
            "ready" => Phase::Ready,
            "removing" => Phase::Removing,
            // Taken for one of them, a damaged row would end a volume that is wanted.
            _ => return Err(unknown(&phase)),
        },
        wanted: NewVolume {
            tag: parsed(row, "tag")?,
            cloud: parsed(row, "cloud")?,
            uid: UserId(row.get("user_id")?),
            aid: ApplicationId(row.get("app_id")?),
            operation: row.get("operation")?,
            name: row.get("name")?,
            size_mb: size.unsigned_abs(),
        },
        volume_id: row.get("volume_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn add(sample: &Sample, tag: &str) -> i64 {
        let new = NewVolume {
            tag: tag.parse().expect("a tag"),
            cloud: CloudName::default_cloud(),
            uid: sample.uid,
            aid: sample.aid,
            operation: Some(tag.into()),
            name: "v".into(),
            size_mb: 5,
        };
        sample.run(|tx| insert(tx, &new))
    }

    fn phases(sample: &Sample) -> Vec<Phase> {
        sample.run(all).into_iter().map(|volume| volume.phase).collect()
    }

    #[test]
    fn a_volume_is_found_by_its_clouds_id_while_it_is_ready() {
        let sample = Sample::new(0);
        let id = add(&sample, "v1");
        let found = || sample.run(|tx| by_volume_id(tx, sample.aid, "x")).map(|volume| volume.id);
        assert_eq!(found(), None);
        assert!(sample.run(|tx| set_ready(tx, id, "x")));
        assert_eq!(found(), Some(id));
        assert!(sample.run(|tx| by_volume_id(tx, ApplicationId(99), "x")).is_none(), "of another application");
        sample.run(|tx| set_removing(tx, id));
        assert_eq!(found(), None);
        assert!(!sample.run(|tx| set_ready(tx, id, "x")), "it is not wanted any more");
        assert!(sample.run(|tx| of_operation(tx, sample.aid, "v1")).is_none());
    }

    #[test]
    fn volumes_go_with_the_node_that_they_are_attached_to() {
        let sample = Sample::new(0);
        let (first, second) = (add(&sample, "v1"), add(&sample, "v2"));
        let node: NodeTag = "n1".parse().expect("a tag");
        sample.run(|tx| set_attached(tx, first, Some((&node, "sdb"))));
        sample.run(|tx| set_attached(tx, second, Some((&node, "sdc"))));
        sample.run(|tx| set_attached(tx, second, None));
        sample.run(|tx| set_removing_with_node(tx, &node));
        assert_eq!(phases(&sample), [Phase::Removing, Phase::Making]);
        for id in [first, second] {
            sample.run(|tx| delete(tx, id));
        }
        assert_eq!(phases(&sample), [Phase::Making], "only what is not wanted any more is taken out");
        sample.run(|tx| set_all_removing(tx, sample.aid));
        assert_eq!(phases(&sample), [Phase::Removing]);
    }
}
