//! Volumes for managers (`docs/reference/director-api.md` §3.6).

use std::sync::Arc;

use serde_json::json;

use super::error::Failure;
use super::http::routes::Call;
use super::node::bring_up::BringUpError;
use super::state::{Director, OperationKey};
use crate::api::{NodeVolume, VolumeRequest};
use crate::cloud::VolumeSpec;
use crate::model::{NodeTag, VolumeTag};
use crate::rpc::Response;
use crate::store::director::node::{self, Node};
use crate::store::director::volume::{self, NewVolume, Phase, Volume};
use crate::sys;
use crate::task::crash_point;

/// Sizes of a volume that can be asked for, in MB.
pub(crate) const SIZES_MB: std::ops::RangeInclusive<u64> = 1..=16 * 1024 * 1024;

/// Makes a volume. With `operation_id` (ours) a repeated call gives the same one.
pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    super::node::create::require_own_application(&call)?;
    let new = read_new(&director, &call)?;
    let near = near(&director, &call).await?;
    let worker = Arc::clone(&director);
    let made = director.detached("create volume", async move { ensure(&worker, new, near).await }).await;
    let made = made.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    Ok(Response::json_line(&json!({ "volume_id": made.volume_id })))
}

pub(crate) async fn attach(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = owned(&director, &call).await?;
    let device = call.form.filled("device_name").unwrap_or("sdb").trim_start_matches("/dev/").to_owned();
    let is_plain = device.len() <= 16 && device.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain || device.is_empty() {
        return Err(Failure::Application(format!("\"device_name\" is not usable: '{device}'")));
    }
    let (aid, vmid) = (call.application(), required(&call, "vm_id")?.to_owned());
    let shown = vmid.clone();
    let target = director.store.read(move |tx| Ok::<_, Failure>(node::by_vmid(tx, aid, &vmid)?)).await?;
    let target = target.ok_or_else(|| Failure::Application(format!("Node {shown} not found in application {aid}")))?;
    let worker = Arc::clone(&director);
    let done = director.detached("attach volume", async move { attach_to(&worker, &found, &target, &device).await });
    done.await.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    Ok(Response::json_line(&json!({})))
}

pub(crate) async fn detach(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = owned(&director, &call).await?;
    let worker = Arc::clone(&director);
    let done = director.detached("detach volume", async move {
        worker.clouds.get(&found.wanted.cloud)?.detach_volume(&found.wanted.tag).await?;
        crash_point("detach_volume.detached");
        worker.store.write(move |tx| Ok::<_, Failure>(volume::set_attached(tx, found.id, None)?)).await
    });
    done.await.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    Ok(Response::json_line(&json!({})))
}

/// Destroys a volume; one that is gone already is fine.
pub(crate) async fn destroy(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, id) = (call.application(), required(&call, "volume_id")?.to_owned());
    let found = director
        .store
        .write(move |tx| {
            let found = volume::by_volume_id(tx, aid, &id)?;
            if let Some(found) = &found {
                volume::set_removing(tx, found.id)?;
            }
            Ok::<_, Failure>(found)
        })
        .await?;
    crash_point("destroy_volume.recorded");
    if let Some(found) = found {
        let worker = Arc::clone(&director);
        let done = director.detached("destroy volume", async move {
            worker.clouds.get(&found.wanted.cloud)?.remove_volume(&found.wanted.tag).await?;
            worker.store.write(move |tx| Ok::<_, Failure>(volume::delete(tx, found.id)?)).await
        });
        done.await.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    }
    Ok(Response::json_line(&json!({})))
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
    let made = ensure(director, new, Some(node.wanted.tag.clone())).await?;
    attach_to(director, &made, node, &wanted.dev_name).await?;
    Ok(NodeVolume {
        vol_name: name,
        vol_size: wanted.vol_size,
        vol_id: made.volume_id.unwrap_or_default(),
        vm_id: vmid,
        dev_name: wanted.dev_name.clone(),
        cloud: node.wanted.cloud.to_string(),
    })
}

/// A mark that no other volume has.
fn new_volume_tag() -> VolumeTag {
    let random = sys::random::alphanumeric(12).to_ascii_lowercase();
    format!("v{random}").parse().expect("letters and digits")
}

/// Records a volume, makes it, records its id; or gives what an earlier run of the operation made.
async fn ensure(director: &Arc<Director>, new: NewVolume, near: Option<NodeTag>) -> Result<Volume, Failure> {
    let key = match &new.operation {
        Some(operation) => OperationKey::CreateVolume(new.aid, operation.clone()),
        None => OperationKey::VolumeOfTag(new.tag.clone()),
    };
    let _repeated_calls_wait = director.operations.hold(&key).await;
    let wanted = director
        .store
        .write(move |tx| {
            if let Some(operation) = &new.operation {
                match volume::of_operation(tx, new.aid, operation)? {
                    Some(found) if found.phase != Phase::Removing => return Ok::<_, Failure>(found),
                    _ => {}
                }
            }
            let id = volume::insert(tx, &new)?;
            Ok(Volume { id, phase: Phase::Making, wanted: new, volume_id: None })
        })
        .await?;
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

async fn attach_to(director: &Arc<Director>, found: &Volume, target: &Node, device: &str) -> Result<(), Failure> {
    let (id, tag, written) = (found.id, target.wanted.tag.clone(), device.to_owned());
    director.store.write(move |tx| Ok::<_, Failure>(volume::set_attached(tx, id, Some((&tag, &written)))?)).await?;
    crash_point("attach_volume.recorded");
    director.clouds.get(&found.wanted.cloud)?.attach_volume(&found.wanted.tag, &target.wanted.tag, device).await?;
    crash_point("attach_volume.attached");
    Ok(())
}

fn read_new(director: &Director, call: &Call) -> Result<NewVolume, Failure> {
    let size = required(call, "size")?;
    let size_mb = size.trim().parse::<u64>().ok().filter(|size| SIZES_MB.contains(size)).ok_or_else(|| {
        let max = SIZES_MB.end();
        Failure::Application(format!("\"size\" is not usable: '{size}' is no number of MB from 1 to {max}"))
    })?;
    Ok(NewVolume {
        tag: new_volume_tag(),
        cloud: director.clouds.named(call.form.get("cloud").unwrap_or_default())?,
        uid: call.user(),
        aid: call.application(),
        operation: call.form.filled("operation_id").map(|text| text.chars().take(128).collect()),
        name: call.form.filled("name").unwrap_or("volume").chars().take(128).collect(),
        size_mb,
    })
}

/// The node that a new volume is for, if the caller says so and has it.
async fn near(director: &Director, call: &Call) -> Result<Option<NodeTag>, Failure> {
    let (aid, Some(vmid)) = (call.application(), call.form.filled("vm_id").map(str::to_owned)) else { return Ok(None) };
    let found = director.store.read(move |tx| Ok::<_, Failure>(node::by_vmid(tx, aid, &vmid)?)).await?;
    Ok(found.map(|node| node.wanted.tag))
}

/// The volume that the call names, if it is the calling application's.
async fn owned(director: &Director, call: &Call) -> Result<Volume, Failure> {
    let (aid, id) = (call.application(), required(call, "volume_id")?.to_owned());
    let shown = id.clone();
    let found = director.store.read(move |tx| Ok::<_, Failure>(volume::by_volume_id(tx, aid, &id)?)).await?;
    found.ok_or_else(|| Failure::Application(format!("Volume {shown} not found in application {aid}")))
}

fn required<'a>(call: &'a Call, field: &str) -> Result<&'a str, Failure> {
    call.form.filled(field).ok_or_else(|| Failure::Application(format!("\"{field}\" is a required argument")))
}
