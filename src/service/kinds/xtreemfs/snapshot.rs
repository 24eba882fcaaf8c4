//! Snapshots: the metadata of a time that has passed, and where the data of that time is.
//!
//! Data stays on the volumes of the servers. A snapshot that is put back knows of what there was then; files that were
//! written since then are gone, and those that were removed since then may lack their data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use serde::de::IgnoredAny;

use super::plan::{data_volume, uuid};
use super::roles::{DIR, MRC, OSD, master, plays};
use crate::api::params::bad;
use crate::api::xtreemfs::{NodeSnapshot, ServiceSnapshot};
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager::NodeRow;
use crate::sys;
use crate::sys::file;

/// Metadata of a million files; more does not go into one answer.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// `get_service_snapshot`.
pub(super) async fn get(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let first = master(&nodes).ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let data = STANDARD.encode(metadata_of(&service, first).await?);
    let snapshot = |node: &NodeRow| NodeSnapshot {
        data: if node.view.id == first.view.id { data.clone() } else { String::new() },
        dir_uuid: uuid_of(node, DIR),
        mrc_uuid: uuid_of(node, MRC),
        osd_uuid: uuid_of(node, OSD),
        volume: volume_of(node),
        cloud: node.view.cloud_name.clone(),
    };
    let nodes = nodes.iter().map(snapshot).collect();
    // Certificates of the manager, which ConPaaS 2.0 gave here, open the application.
    Ok(Reply::of(&ServiceSnapshot { nodes, manager: String::new() }))
}

/// `set_service_snapshot`: the master goes on with the metadata of a snapshot.
pub(super) async fn set(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let _holds_nothing = call.params.string("manager")?;
    let given: Vec<NodeSnapshot> = call.structure("nodes")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    if given.len() != nodes.len() {
        return Err(MethodError::refused("set_service_snapshot: len(nodes) != len(self.nodes)"));
    }
    let has_it = |given: &&NodeSnapshot| !nodes.iter().any(|node| volume_of(node) == given.volume);
    if let Some(missing) = given.iter().find(has_it) {
        let text = format!("volume {} of the snapshot is at no node of the service", missing.volume.escape_debug());
        return Err(MethodError::refused(text));
    }
    let data = given.iter().find(|node| !node.data.is_empty());
    let data = data.ok_or_else(|| bad("nodes", "none of them has metadata"))?;
    let archive = STANDARD.decode(&data.data).map_err(|_| bad("nodes", "data is no base64"))?;
    let first = master(&nodes).ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let directory = sys::blocking(tempfile::tempdir).await;
    let directory = directory.map_err(|error| MethodError::refused(format!("cannot make a directory: {error}")))?;
    let path = directory.path().join("snapshot.tar.gz");
    let written = path.clone();
    sys::blocking(move || file::write_atomic(&written, &archive, 0o600)).await?;
    let call = RpcCall::upload(0, "take_snapshot").file("archive", path, "snapshot.tar.gz");
    service.agents.call::<IgnoredAny>(first, &call).await?;
    copy_anew(&service, &nodes, first).await?;
    Ok(Reply::nothing())
}

/// Has the other nodes forget their copies, which know of what came after the snapshot, and fetch new ones.
async fn copy_anew(service: &ServiceContext, nodes: &[NodeRow], first: &NodeRow) -> Result<(), MethodError> {
    let copies: Vec<NodeRow> =
        nodes.iter().filter(|node| node.view.id != first.view.id && plays(node, DIR)).cloned().collect();
    let _nothing_to_say: Vec<IgnoredAny> =
        service.agents.call_all(&copies, |_| RpcCall::post(0, "forget_copy")).await?;
    Ok(())
}

async fn metadata_of(service: &ServiceContext, node: &NodeRow) -> Result<Vec<u8>, MethodError> {
    let stream = service.agents.stream(node, &RpcCall::post(0, "get_snapshot")).await?;
    let collected = stream.try_fold(Vec::new(), |mut all, piece| async move {
        if all.len() + piece.len() > MAX_BYTES {
            return Err(std::io::Error::other("the metadata is too large for one answer"));
        }
        all.extend_from_slice(&piece);
        Ok(all)
    });
    collected.await.map_err(|error| MethodError::refused(format!("agent {}: {error}", node.view.id)))
}

fn volume_of(node: &NodeRow) -> String {
    data_volume(node).map(|volume| volume.vol_id.clone()).unwrap_or_default()
}

fn uuid_of(node: &NodeRow, role: &str) -> String {
    if plays(node, role) { uuid(node, role) } else { String::new() }
}
