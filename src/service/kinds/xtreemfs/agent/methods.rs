//! The methods of the agents of shared storage.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::daemons::{ADMIN, MASTER};
use super::node::XtreemfsAgent;
use super::wanted::{Server, Wanted};
use super::{place, snapshot};
use crate::api::params::bad;
use crate::api::xtreemfs::{MasterWish, ProgramState, StorageState};
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::method::{Method, get, post, upload};
use crate::service::reply::Reply;
use crate::service::volume::{mount_volume, unmount_volume};
use crate::supervise::daemon::DaemonState;
use crate::sys::fingerprint::fingerprint;
use crate::sys::{self, file};

pub(super) const METHODS: &[Method<Arc<XtreemfsAgent>>] = &[
    post("mount_volume", |agent, call| Box::pin(mount_volume(agent.volumes.clone(), call))),
    post("unmount_volume", |agent, call| Box::pin(unmount_volume(agent.volumes.clone(), call))),
    post("startup", |_, call| Box::pin(startup(call))),
    post("set_certificates", |_, call| Box::pin(set_certificates(call))),
    post("createDIR", |agent, call| Box::pin(create_dir(agent, call))),
    post("createMRC", |agent, call| Box::pin(create_mrc(agent, call))),
    post("createOSD", |agent, call| Box::pin(create_osd(agent, call))),
    post("stopDIR", |agent, call| Box::pin(stop_dir(agent, call))),
    post("stopMRC", |agent, call| Box::pin(stop_mrc(agent, call))),
    post("stopOSD", |agent, call| Box::pin(stop_osd(agent, call))),
    post("get_snapshot", |agent, call| Box::pin(snapshot::get(agent, call))),
    post("set_snapshot", |_, call| Box::pin(snapshot::set(call))),
    upload("take_snapshot", |agent, call| Box::pin(snapshot::take(agent, call))),
    post("forget_copy", |agent, call| Box::pin(forget_copy(agent, call))),
    get("get_storage_state", |agent, call| Box::pin(get_storage_state(agent, call))),
];

/// For so long a caller waits until all that a server has is elsewhere.
const DRAIN_LIMIT: Duration = Duration::from_secs(540);
const DRAIN_PAUSE: Duration = Duration::from_secs(3);

/// Stays on the wire: the agent is ready when it listens.
async fn startup(call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::nothing())
}

/// Stays on the wire: servers prove each other by a code that no certificate is needed for.
async fn set_certificates(mut call: Call) -> Result<Reply, MethodError> {
    for name in ["dir", "mrc", "osd", "truststore"] {
        let text = call.params.string(name)?;
        STANDARD.decode(text.trim()).map_err(|_| bad(name, "it is no base64"))?;
    }
    call.finish()?;
    Ok(Reply::nothing())
}

async fn create_dir(agent: Arc<XtreemfsAgent>, mut call: Call) -> Result<Reply, MethodError> {
    call.params.string("uuid")?;
    let wish: MasterWish = call.structure("storage")?;
    call.finish()?;
    let take_over = |wanted: &mut Wanted| {
        wanted.master = Some(wish);
        wanted.logger = None;
    };
    agent.keeper.change(take_over).await?;
    Ok(Reply::nothing())
}

/// Where this node has the metadata itself there is nothing to do: it is one program with the directory.
async fn create_mrc(agent: Arc<XtreemfsAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let master: Ipv4Addr = take_host(&mut call)?;
    call.finish()?;
    let keep = |wanted: &mut Wanted| {
        if wanted.master.is_none() {
            wanted.logger = Some(master);
        }
    };
    agent.keeper.change(keep).await?;
    Ok(Reply::nothing())
}

async fn create_osd(agent: Arc<XtreemfsAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let master: Ipv4Addr = take_host(&mut call)?;
    let _file_systems_are_made_with_volumes = call.params.boolean_or("mkfs", true)?;
    let _volumes_are_mounted_by_name = call.params.string("device_name")?;
    let auth_code = call.params.string("auth_code")?;
    let is_leaving = call.params.boolean_or("is_leaving", false)?;
    let labels = call.params.string_or("labels", "")?;
    call.finish()?;
    let server = Server { master, auth_code, is_leaving, labels };
    agent.keeper.change(|wanted| wanted.server = Some(server)).await?;
    Ok(Reply::nothing())
}

/// Takes what `createMRC` and `createOSD` have in common.
fn take_host(call: &mut Call) -> Result<Ipv4Addr, MethodError> {
    let host = call.params.string("dir_serviceHost")?;
    call.params.string("uuid")?;
    call.params.string("hostname")?;
    let shown = host.escape_debug().to_string();
    host.parse().map_err(|_| bad("dir_serviceHost", &format!("'{shown}' is no address")).into())
}

async fn stop_dir(agent: Arc<XtreemfsAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.keeper.change(|wanted| wanted.master = None).await?;
    Ok(Reply::nothing())
}

async fn stop_mrc(agent: Arc<XtreemfsAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.keeper.change(|wanted| wanted.logger = None).await?;
    Ok(Reply::nothing())
}

/// `forget_copy` (ours): the copy of the metadata begins anew. A node without one has nothing to forget.
async fn forget_copy(agent: Arc<XtreemfsAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let wanted = agent.keeper.wanted().await?;
    let (Some(master), Some(directory)) = (wanted.logger, wanted.metadata) else { return Ok(Reply::nothing()) };
    agent.keeper.change(|wanted| wanted.logger = None).await?;
    let copy = place::metadata(&directory);
    let removed = sys::blocking(move || file::ensure_absent(&copy)).await;
    agent.keeper.change(|wanted| wanted.logger = Some(master)).await?;
    removed?;
    Ok(Reply::nothing())
}

async fn stop_osd(agent: Arc<XtreemfsAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let drain = call.params.boolean_or("drain", false)?;
    call.finish()?;
    if drain {
        give_away(&agent).await?;
    }
    agent.keeper.change(|wanted| wanted.server = None).await?;
    Ok(Reply::nothing())
}

/// Waits until all that the server of this node has is elsewhere.
async fn give_away(agent: &Arc<XtreemfsAgent>) -> Result<(), MethodError> {
    let Some(server) = agent.keeper.wanted().await?.server else { return Ok(()) };
    agent
        .keeper
        .change(|wanted| {
            if let Some(server) = &mut wanted.server {
                server.is_leaving = true;
            }
        })
        .await?;
    let (began, my_ip) = (Instant::now(), agent.keeper.place.my_ip.to_string());
    while began.elapsed() < DRAIN_LIMIT {
        tokio::time::sleep(DRAIN_PAUSE).await;
        let Some(cluster) = agent.observer.look(server.master).await else { continue };
        let own = cluster.servers.iter().find(|server| server.ip == my_ip && server.is_leaving);
        if own.is_some_and(|own| own.n_chunks == 0 || cluster.n_waiting == 0) {
            return Ok(());
        }
    }
    let limit = DRAIN_LIMIT.as_secs();
    Err(MethodError::refused(format!("not all that the server has is elsewhere after {limit} s: call it again")))
}

async fn get_storage_state(agent: Arc<XtreemfsAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let program = |status: crate::supervise::daemon::DaemonStatus| ProgramState {
        name: status.name.to_string(),
        is_ready: status.state == DaemonState::Ready,
        n_failures: status.n_failures,
        reason: status.reason,
    };
    let programs = agent.keeper.status().into_iter().map(program).collect();
    let wanted = agent.keeper.wanted().await?;
    let wish = wanted.master.as_ref().map(|wish| serde_json::to_vec(wish).unwrap_or_default());
    let is_up = agent.keeper.is_ready(MASTER) && agent.keeper.is_ready(ADMIN);
    let cluster = match is_up && wanted.master.is_some() {
        true => agent.observer.look(agent.keeper.place.my_ip).await,
        false => None,
    };
    let wish = wish.map(|wish| fingerprint(wish, 16)).unwrap_or_default();
    let has_copy = agent.keeper.has_copy(&wanted).await;
    Ok(Reply::of(&StorageState { programs, wish, cluster, has_copy }))
}
