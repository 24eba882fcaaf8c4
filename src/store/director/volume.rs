//! Volumes.

use rusqlite::{Row, params};

use super::orphan;
use super::row::{one, parsed, parsed_option, readable, unknown};
use crate::model::{ApplicationId, CloudName, NodeTag, ServiceId, UserId, VolumeTag};
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
    /// Whether it stays when its node, its service or its application ends.
    pub is_kept: bool,
    /// The service whose next start finds a kept volume.
    pub sid: Option<ServiceId>,
    /// The node that it is attached to, or about to be, or was.
    pub attached_to: Option<NodeTag>,
}

/// A volume of a user, with the names of what it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// The volume.
    pub volume: Volume,
    /// The name of its application.
    pub application: String,
    /// The service of its node, or the one that finds it again.
    pub sid: Option<ServiceId>,
    /// The cloud's id of its node.
    pub vmid: Option<String>,
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

/// Records where a volume is about to be attached. Returns whether it is still there.
pub(crate) fn set_attached(tx: &Transaction<'_>, id: i64, node: &NodeTag, device: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE volume SET attached_tag = ?2, device = ?3 WHERE id = ?1 AND phase = 'ready'";
    Ok(tx.execute(sql, params![id, node.as_str(), device])? == 1)
}

/// Records that a volume is to be at least so large. Returns whether it is still there.
pub(crate) fn set_least_size(tx: &Transaction<'_>, id: i64, size_mb: u64) -> Result<bool, StoreError> {
    let sql = "UPDATE volume SET size_mb = max(size_mb, ?2) WHERE id = ?1 AND phase = 'ready'";
    Ok(tx.execute(sql, params![id, i64::try_from(size_mb).unwrap_or(i64::MAX)])? == 1)
}

/// Records that a volume is attached to no node.
pub(crate) fn set_detached(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET attached_tag = NULL, device = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// Records that a volume stays when its node ends, and which service finds it again.
pub(crate) fn set_kept(tx: &Transaction<'_>, id: i64, sid: ServiceId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET kept = 1, service_id = ?2 WHERE id = ?1", [id, sid.0])?;
    Ok(())
}

/// Records that a volume is in use again: it goes with its node.
pub(crate) fn set_in_use(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET kept = 0, service_id = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// Records that all volumes of an application that are there stay.
pub(crate) fn keep_all(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET kept = 1 WHERE app_id = ?1 AND phase = 'ready'", [aid.0])?;
    Ok(())
}

/// Records that a service is no more: its kept volumes are the application's.
pub(crate) fn leave_service(tx: &Transaction<'_>, aid: ApplicationId, sid: ServiceId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET service_id = NULL WHERE app_id = ?1 AND service_id = ?2", [aid.0, sid.0])?;
    Ok(())
}

/// Records that kept volumes of a node are free, which its cloud has removed.
pub(crate) fn leave_node(tx: &Transaction<'_>, node: &NodeTag) -> Result<(), StoreError> {
    let sql = "UPDATE volume SET attached_tag = NULL, device = NULL WHERE attached_tag = ?1 AND kept = 1";
    tx.execute(sql, [node.as_str()])?;
    Ok(())
}

/// Records that a volume is not wanted any more.
pub(crate) fn set_removing(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// Records that an application is stopped: its volumes are not wanted any more, and those that are kept have no service.
pub(crate) fn set_removing_unless_kept(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE app_id = ?1 AND kept = 0", [aid.0])?;
    tx.execute("UPDATE volume SET service_id = NULL WHERE app_id = ?1 AND kept = 1", [aid.0])?;
    Ok(())
}

/// Records that no volume of an application is wanted any more, kept or not.
pub(crate) fn set_all_removing(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("UPDATE volume SET phase = 'removing', operation = NULL WHERE app_id = ?1", [aid.0])?;
    Ok(())
}

/// Records that the volumes attached to a node are not wanted any more: they go with it, as upstream, unless they
/// are kept.
pub(crate) fn set_removing_with_node(tx: &Transaction<'_>, node: &NodeTag) -> Result<(), StoreError> {
    let sql = "UPDATE volume SET phase = 'removing', operation = NULL WHERE attached_tag = ?1 AND kept = 0";
    tx.execute(sql, [node.as_str()])?;
    Ok(())
}

/// Takes out a volume that its cloud has removed.
pub(crate) fn delete(tx: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM volume WHERE id = ?1 AND phase = 'removing' RETURNING tag";
    let tag: Option<String> = one(tx, sql, [id], |row| row.get(0))?;
    tag.map_or(Ok(()), |tag| orphan::remember_removed(tx, &tag))
}

/// Returns every volume.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Volume>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM volume ORDER BY id")?;
    readable("volume", statement.query_map([], read)?)
}

/// Returns a volume of an application by the cloud's id, unless it is on its way out.
pub(crate) fn by_volume_id(tx: &Transaction<'_>, aid: ApplicationId, id: &str) -> Result<Option<Volume>, StoreError> {
    one(tx, "SELECT * FROM volume WHERE app_id = ?1 AND volume_id = ?2 AND phase = 'ready'", params![aid.0, id], read)
}

/// Returns the kept volumes of an application, oldest first.
pub(crate) fn kept_of(tx: &Transaction<'_>, aid: ApplicationId) -> Result<Vec<Volume>, StoreError> {
    let sql = "SELECT * FROM volume WHERE app_id = ?1 AND kept = 1 AND phase = 'ready' ORDER BY id";
    let mut statement = tx.prepare_cached(sql)?;
    readable("volume", statement.query_map([aid.0], read)?)
}

/// Returns the volumes of a user that are not on their way out, by application, oldest first.
pub(crate) fn placed_of(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<Placed>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT volume.*, application.name AS app_name, node.service_id AS node_service, node.vmid AS node_vmid
         FROM volume JOIN application ON aid = volume.app_id LEFT JOIN node ON node.tag = volume.attached_tag
         WHERE volume.user_id = ?1 AND volume.phase <> 'removing' ORDER BY volume.app_id, volume.id",
    )?;
    let rows = statement.query_map([uid.0], |row| {
        let volume = read(row)?;
        let of_node: Option<i64> = row.get("node_service")?;
        Ok(Placed {
            sid: if volume.is_kept { volume.sid } else { of_node.map(ServiceId) },
            application: row.get("app_name")?,
            vmid: row.get("node_vmid")?,
            volume,
        })
    })?;
    readable("volume", rows)
}

/// Returns the sizes of a user's volumes in all, in MB, also of those that are kept.
pub(crate) fn mb_of_user(tx: &Transaction<'_>, uid: UserId) -> Result<u64, StoreError> {
    let sql = "SELECT total(size_mb) FROM volume WHERE user_id = ?1 AND phase <> 'removing'";
    let total: f64 = tx.prepare_cached(sql)?.query_row([uid.0], |row| row.get(0))?;
    Ok(total as u64)
}

/// Returns the volume that one operation of a manager asked for.
pub(crate) fn of_operation(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    operation: &str,
) -> Result<Option<Volume>, StoreError> {
    one(
        tx,
        "SELECT * FROM volume WHERE app_id = ?1 AND operation = ?2 ORDER BY id DESC LIMIT 1",
        params![aid.0, operation],
        read,
    )
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
        is_kept: row.get("kept")?,
        sid: row.get::<_, Option<i64>>("service_id")?.map(ServiceId),
        attached_to: parsed_option(row, "attached_tag")?,
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
        let node: NodeTag = "n1".parse().expect("a tag");
        let [first, second] = ["v1", "v2"].map(|tag| {
            let id = add(&sample, tag);
            assert!(sample.run(|tx| set_ready(tx, id, tag)));
            assert!(sample.run(|tx| set_attached(tx, id, &node, "sdb")));
            id
        });
        sample.run(|tx| set_detached(tx, second));
        sample.run(|tx| set_removing_with_node(tx, &node));
        assert_eq!(phases(&sample), [Phase::Removing, Phase::Ready]);
        assert!(!sample.run(|tx| set_attached(tx, first, &node, "sdb")), "it is on its way out");
        for id in [first, second] {
            sample.run(|tx| delete(tx, id));
        }
        assert_eq!(phases(&sample), [Phase::Ready], "only what is not wanted any more is taken out");
        sample.run(|tx| set_removing_unless_kept(tx, sample.aid));
        assert_eq!(phases(&sample), [Phase::Removing]);
    }

    #[test]
    fn a_kept_volume_outlives_its_node_its_service_and_a_stop() {
        let sample = Sample::new(0);
        let node: NodeTag = "n1".parse().expect("a tag");
        sample.add_node("n1", crate::model::NodeRole::Agent);
        let [kept, other] = ["v1", "v2"].map(|tag| {
            let id = add(&sample, tag);
            sample.run(|tx| set_ready(tx, id, tag));
            sample.run(|tx| set_attached(tx, id, &node, "sdb"));
            id
        });
        let _half_made = add(&sample, "v3");
        sample.run(|tx| set_kept(tx, kept, ServiceId(1)));
        let placed = || sample.run(|tx| placed_of(tx, sample.uid));
        let sids: Vec<_> = placed().iter().map(|placed| placed.sid).collect();
        assert_eq!(sids, [Some(ServiceId(1)), Some(ServiceId(1)), None], "a volume in use has its node's");
        sample.run(|tx| set_removing_with_node(tx, &node));
        sample.run(|tx| leave_node(tx, &node));
        assert_eq!(phases(&sample), [Phase::Ready, Phase::Removing, Phase::Making]);
        sample.run(|tx| set_removing_unless_kept(tx, sample.aid));
        assert_eq!(phases(&sample), [Phase::Ready, Phase::Removing, Phase::Removing]);
        sample.run(|tx| delete(tx, other));
        let left = placed();
        assert_eq!((left.len(), left[0].sid, left[0].volume.attached_to.as_ref()), (1, None, None));
        assert_eq!(sample.run(|tx| kept_of(tx, sample.aid)).len(), 1);
        sample.run(|tx| set_all_removing(tx, sample.aid));
        assert!(placed().is_empty() && sample.run(|tx| kept_of(tx, sample.aid)).is_empty());
    }

    #[test]
    fn an_application_keeps_what_is_there_and_a_volume_in_use_is_kept_no_more() {
        let sample = Sample::new(0);
        let id = add(&sample, "v1");
        sample.run(|tx| set_ready(tx, id, "v1"));
        let _half_made = add(&sample, "v2");
        sample.run(|tx| keep_all(tx, sample.aid));
        sample.run(|tx| set_removing_unless_kept(tx, sample.aid));
        assert_eq!(phases(&sample), [Phase::Ready, Phase::Removing]);
        sample.run(|tx| set_in_use(tx, id));
        sample.run(|tx| set_removing_unless_kept(tx, sample.aid));
        assert_eq!(phases(&sample), [Phase::Removing, Phase::Removing]);
    }
}
