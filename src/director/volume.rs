//! Volumes for managers: made, attached, detached, destroyed.
//!
//! A volume is recorded before its cloud hears of it. Must not know: requests and answers.

use std::sync::Arc;

use super::asker::Asker;
use super::error::Failure;
use super::node::error::BringUpError;
use super::node::request::new_volume_tag;
use super::state::{Director, OperationKey};
use crate::api::{NodeVolume, VolumeRequest, texts};
use crate::cloud::VolumeSpec;
use crate::model::{ApplicationId, NodeTag, UserId};
use crate::store::Transaction;
use crate::store::director::node::{self, Node};
use crate::store::director::volume::{self, NewVolume, Phase, Volume};
use crate::task::crash_point;

/// Makes a volume, best where the node `near` of its application is. A
/// repeated call with the same operation returns the same volume.
pub(crate) async fn create(
    director: &Arc<Director>,
    asker: Asker,
    new: NewVolume,
    near: Option<String>,
) -> Result<Volume, Failure> {
    let near = match near {
        Some(vmid) => node_of(director, new.aid, vmid).await?.map(|node| node.wanted.tag),
        None => None,
    };
    let worker = Arc::clone(director);
    director.detached("create volume", async move { ensure(&worker, Order::Of(asker), new, near).await }).await
}

/// Returns a volume of an application by its cloud's id.
pub(crate) async fn owned(director: &Director, aid: ApplicationId, id: &str) -> Result<Volume, Failure> {
    let wanted = id.to_owned();
    let found = director.store.read(move |tx| Ok::<_, Failure>(volume::by_volume_id(tx, aid, &wanted)?)).await?;
    found.ok_or_else(|| Failure::Application(texts::volume_not_found(id, aid)))
}

/// Attaches a volume to a node of its application.
pub(crate) async fn attach(
    director: &Arc<Director>,
    asker: Asker,
    volume: Volume,
    vmid: &str,
    device: String,
) -> Result<(), Failure> {
    let aid = volume.wanted.aid;
    let target = node_of(director, aid, vmid.to_owned()).await?;
    let target = target.ok_or_else(|| Failure::Application(format!("Node {vmid} not found in application {aid}")))?;
    let worker = Arc::clone(director);
    director
        .detached("attach volume", async move { attach_to(&worker, Order::Of(asker), &volume, &target, &device).await })
        .await
}

/// Makes a volume at least so large, also while its node uses it. May be repeated.
pub(crate) async fn grow(director: &Arc<Director>, asker: Asker, volume: Volume, size_mb: u64) -> Result<(), Failure> {
    director.reserve.check_room().await?;
    let (id, limit) = (volume.id, director.config.user_volumes_bytes);
    let more_mb = size_mb.saturating_sub(volume.wanted.size_mb);
    let record = move |tx: &Transaction<'_>| {
        asker.expect_wanted(tx)?;
        expect_room(tx, asker.uid, limit, more_mb)?;
        Ok::<_, Failure>(volume::set_least_size(tx, id, size_mb)?)
    };
    if !director.store.write(record).await? {
        return Err(Failure::application("The volume is not wanted any more"));
    }
    crash_point("grow_volume.recorded");
    let worker = Arc::clone(director);
    let size_mb = size_mb.max(volume.wanted.size_mb);
    let work =
        async move { Ok(worker.clouds.get(&volume.wanted.cloud)?.grow_volume(&volume.wanted.tag, size_mb).await?) };
    director.detached("grow volume", work).await
}

/// Detaches a volume from whichever node has it.
pub(crate) async fn detach(director: &Arc<Director>, asker: Asker, volume: Volume) -> Result<(), Failure> {
    director.store.read(move |tx| asker.expect_wanted(tx)).await?;
    let worker = Arc::clone(director);
    let work = async move {
        worker.clouds.get(&volume.wanted.cloud)?.detach_volume(&volume.wanted.tag).await?;
        crash_point("detach_volume.detached");
        worker.store.write(move |tx| Ok::<_, Failure>(volume::set_detached(tx, volume.id)?)).await
    };
    director.detached("detach volume", work).await
}

/// Destroys a volume; one that is gone already is fine.
pub(crate) async fn destroy(director: &Arc<Director>, asker: Asker, id: String) -> Result<(), Failure> {
    director.reserve.make_room().await;
    let found = director
        .store
        .write(move |tx| {
            asker.expect_wanted(tx)?;
            let found = volume::by_volume_id(tx, asker.aid, &id)?;
            if let Some(found) = &found {
                if found.is_kept {
                    return Err(Failure::Application(format!("Volume {id} is kept: only its owner deletes it")));
                }
                volume::set_removing(tx, found.id)?;
            }
            Ok::<_, Failure>(found)
        })
        .await?;
    crash_point("destroy_volume.recorded");
    let Some(found) = found else { return Ok(()) };
    let worker = Arc::clone(director);
    let work = async move {
        worker.clouds.get(&found.wanted.cloud)?.remove_volume(&found.wanted.tag).await?;
        worker.store.write(move |tx| Ok::<_, Failure>(volume::delete(tx, found.id)?)).await
    };
    director.detached("destroy volume", work).await
}

/// Makes and attaches a volume that was asked for together with a node.
pub(crate) async fn make_with_node(
    director: &Arc<Director>,
    node: &Node,
    wanted: &VolumeRequest,
) -> Result<NodeVolume, BringUpError> {
    let vmid = node.place.as_ref().map(|place| place.vmid.clone()).unwrap_or_default();
    let name = wanted.vol_name.replace("%(vm_id)s", &vmid);
    let new = NewVolume {
        tag: new_volume_tag(),
        cloud: node.wanted.cloud.clone(),
        uid: node.wanted.uid,
        aid: node.wanted.aid,
        operation: None,
        name: name.clone(),
        size_mb: wanted.vol_size,
    };
    let made = ensure(director, Order::WithNode(node.rid), new, Some(node.wanted.tag.clone())).await?;
    attach_to(director, Order::WithNode(node.rid), &made, node, &wanted.dev_name).await?;
    Ok(NodeVolume {
        vol_name: name,
        vol_size: wanted.vol_size,
        vol_id: made.volume_id.unwrap_or_default(),
        vm_id: vmid,
        dev_name: wanted.dev_name.clone(),
        cloud: node.wanted.cloud.to_string(),
    })
}

/// Records a volume, makes it, records its id; or returns what an earlier run of the operation made.
async fn ensure(
    director: &Arc<Director>,
    order: Order,
    new: NewVolume,
    near: Option<NodeTag>,
) -> Result<Volume, Failure> {
    let key = match &new.operation {
        Some(operation) => OperationKey::CreateVolume(new.aid, operation.clone()),
        None => OperationKey::VolumeOfTag(new.tag.clone()),
    };
    let _repeated_calls_wait = director.operations.hold(&key).await;
    director.reserve.check_room().await?;
    let limit = director.config.user_volumes_bytes;
    let wanted = director.store.write(move |tx| record_wanted(tx, order, new, limit)).await?;
    crash_point("create_volume.recorded");
    if wanted.phase == Phase::Ready {
        return Ok(wanted);
    }
    let NewVolume { tag, name, size_mb, .. } = wanted.wanted.clone();
    let spec = VolumeSpec { tag, name, size_mb, node: near };
    let id = wanted.id;
    let made = match director.clouds.get(&wanted.wanted.cloud)?.ensure_volume(&spec).await {
        Ok(made) => made,
        Err(error) => {
            director.store.write(move |tx| Ok::<_, Failure>(volume::set_removing(tx, id)?)).await?;
            director.reconcile.wake();
            return Err(error.into());
        }
    };
    crash_point("create_volume.made");
    let volume_id = made.volume_id.clone();
    let is_wanted = director.store.write(move |tx| Ok::<_, Failure>(volume::set_ready(tx, id, &volume_id)?)).await?;
    crash_point("create_volume.ready");
    if !is_wanted {
        return Err(Failure::application("The volume was removed while it was made"));
    }
    Ok(Volume { phase: Phase::Ready, volume_id: Some(made.volume_id), ..wanted })
}

async fn attach_to(
    director: &Arc<Director>,
    order: Order,
    found: &Volume,
    target: &Node,
    device: &str,
) -> Result<(), Failure> {
    let (id, rid, tag, written) = (found.id, target.rid, target.wanted.tag.clone(), device.to_owned());
    let record = move |tx: &Transaction<'_>| {
        order.expect_wanted(tx)?;
        expect_node_wanted(tx, rid)?;
        Ok::<_, Failure>(volume::set_attached(tx, id, &tag, &written)?)
    };
    if !director.store.write(record).await? {
        return Err(Failure::application("The volume is not wanted any more"));
    }
    crash_point("attach_volume.recorded");
    director.clouds.get(&found.wanted.cloud)?.attach_volume(&found.wanted.tag, &target.wanted.tag, device).await?;
    crash_point("attach_volume.attached");
    Ok(())
}

/// Records a volume, or returns what an earlier run of the operation recorded.
fn record_wanted(
    tx: &Transaction<'_>,
    order: Order,
    new: NewVolume,
    limit_bytes: Option<u64>,
) -> Result<Volume, Failure> {
    order.expect_wanted(tx)?;
    if let Some(operation) = &new.operation {
        let found = volume::of_operation(tx, new.aid, operation)?;
        if let Some(found) = found.filter(|found| found.phase != Phase::Removing) {
            return Ok(found);
        }
    }
    if volume::kept_of(tx, new.aid)?.iter().any(|kept| kept.wanted.name == new.name) {
        return Err(Failure::Application(texts::volume_name_kept(shown_name(&new.name))));
    }
    expect_room(tx, new.uid, limit_bytes, new.size_mb)?;
    let id = volume::insert(tx, &new)?;
    Ok(Volume { id, phase: Phase::Making, wanted: new, volume_id: None, is_kept: false, sid: None, attached_to: None })
}

/// Refuses what would make a user's volumes, used and kept, larger than all of them may be.
fn expect_room(tx: &Transaction<'_>, uid: UserId, limit_bytes: Option<u64>, more_mb: u64) -> Result<(), Failure> {
    let Some(limit_mb) = limit_bytes.map(|bytes| bytes >> 20) else { return Ok(()) };
    let has_mb = volume::mb_of_user(tx, uid)?;
    if more_mb == 0 || has_mb.saturating_add(more_mb) <= limit_mb {
        return Ok(());
    }
    Err(Failure::Application(format!(
        "Your volumes have {has_mb} MB, and may have {limit_mb} MB in all (USER_VOLUMES of the director): {more_mb} MB more \
         are too much. `conpaas volume list` shows them, also those that are kept"
    )))
}

/// Returns the name that a volume's owner gave it. Managers put a word before it.
pub(crate) fn shown_name(name: &str) -> &str {
    name.strip_prefix("vol-").unwrap_or(name)
}

/// Who asked for a volume.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// A manager.
    Of(Asker),
    /// It comes with a node, by its row.
    WithNode(i64),
}

impl Order {
    fn expect_wanted(self, tx: &Transaction<'_>) -> Result<(), Failure> {
        match self {
            Order::Of(asker) => asker.expect_wanted(tx),
            Order::WithNode(rid) => expect_node_wanted(tx, rid),
        }
    }
}

fn expect_node_wanted(tx: &Transaction<'_>, rid: i64) -> Result<(), Failure> {
    match node::phase(tx, rid)? {
        Some(node::Phase::Making | node::Phase::Up) => Ok(()),
        Some(node::Phase::Removing) | None => Err(Failure::application("The node is not wanted any more")),
    }
}

async fn node_of(director: &Director, aid: ApplicationId, vmid: String) -> Result<Option<Node>, Failure> {
    director.store.read(move |tx| Ok(node::by_vmid(tx, aid, &vmid)?)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CloudName;
    use crate::store::director::sample::Sample;

    #[test]
    fn a_repeated_operation_finds_its_volume_unless_it_is_on_its_way_out() {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", crate::model::NodeRole::Agent);
        let record = |operation: Option<&str>| {
            let new = NewVolume {
                tag: new_volume_tag(),
                cloud: CloudName::default_cloud(),
                uid: sample.uid,
                aid: sample.aid,
                operation: operation.map(str::to_owned),
                name: "v".into(),
                size_mb: 1,
            };
            sample.write(|tx| record_wanted(tx, Order::WithNode(rid), new, None)).map(|volume| volume.id)
        };
        let made = |operation| record(operation).expect("a row");
        let first = made(Some("one"));
        assert_eq!(made(Some("one")), first);
        assert_ne!(made(Some("two")), first);
        assert_ne!(made(None), made(None));
        sample.run(|tx| volume::set_removing(tx, first));
        assert_ne!(made(Some("one")), first);
        sample.run(|tx| node::set_removing(tx, rid));
        assert!(record(None).is_err(), "nothing is made for a node that is not wanted");
    }

    #[test]
    fn the_volumes_of_a_user_have_a_limit_in_all_kept_or_not() {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", crate::model::NodeRole::Agent);
        let record = |size_mb: u64| {
            let new = NewVolume {
                tag: new_volume_tag(),
                cloud: CloudName::default_cloud(),
                uid: sample.uid,
                aid: sample.aid,
                operation: None,
                name: format!("v{size_mb}"),
                size_mb,
            };
            sample.write(|tx| record_wanted(tx, Order::WithNode(rid), new, Some(1000 << 20))).map(|volume| volume.id)
        };
        let first = record(600).expect("a row");
        sample.run(|tx| volume::set_ready(tx, first, "vol-1"));
        sample.run(|tx| volume::set_kept(tx, first, crate::model::ServiceId(1)));
        for size_mb in [401, u64::MAX] {
            let refused = record(size_mb).unwrap_err().to_string();
            assert!(refused.contains("have 600 MB, and may have 1000 MB"), "{refused}");
        }
        record(400).expect("it fits");
        let grown = |more_mb| sample.write(|tx| expect_room(tx, sample.uid, Some(1000 << 20), more_mb));
        assert!(grown(1).is_err());
        grown(0).expect("what grows by nothing is no more than there was");
        sample.run(|tx| volume::set_removing(tx, first));
        grown(600).expect("what is on its way out does not count");
    }
}
