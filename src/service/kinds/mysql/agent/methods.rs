//! The methods of the agents of mysql services.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::daemons::MYSQLD;
use super::node::MysqlAgent;
use super::wanted::{Cluster, Member, Wanted};
use super::{account, backup, begin, kept_backups, load, member, sql};
use crate::api::mysql::{Restored, Schedule, Stage};
use crate::api::params::bad;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::method::{Method, get, post, upload};
use crate::service::reply::Reply;
use crate::service::volume::{mount_volume, unmount_volume};
use crate::sys;

pub(super) const METHODS: &[Method<Arc<MysqlAgent>>] = &[
    post("mount_volume", |agent, call| Box::pin(mount_volume(agent.volumes.clone(), call))),
    post("unmount_volume", |agent, call| Box::pin(unmount_volume(agent.volumes.clone(), call))),
    post("start_mysqld", |agent, call| Box::pin(start_mysqld(agent, call))),
    post("begin_cluster", |agent, call| Box::pin(begin::begin_cluster(agent, call))),
    post("forget_cluster", |agent, call| Box::pin(begin::forget_cluster(agent, call))),
    get("get_member_state", |agent, call| Box::pin(get_member_state(agent, call))),
    post("stop", |agent, call| Box::pin(stop(agent, call, |wanted| *wanted = Wanted::default()))),
    post("set_password", |agent, call| Box::pin(set_password(agent, call))),
    post("grant_account", |agent, call| Box::pin(account::grant(agent, call))),
    post("revoke_account", |agent, call| Box::pin(account::revoke(agent, call))),
    post("set_variable", |agent, call| Box::pin(set_variable(agent, call))),
    upload("load_dump", |agent, call| Box::pin(load::load_dump(agent, call))),
    upload("load_dump_piece", |agent, call| Box::pin(load::load_dump_piece(agent, call))),
    get("dump", |agent, call| Box::pin(load::dump(agent, call))),
    get("backup", |agent, call| Box::pin(backup::back_up(agent, call))),
    upload("take_backup", |agent, call| Box::pin(backup::take_backup(agent, call))),
    upload("take_backup_piece", |agent, call| Box::pin(backup::take_backup_piece(agent, call))),
    post("use_backup", |agent, call| Box::pin(backup::use_backup(agent, call))),
    get("list_backups", |agent, call| Box::pin(kept_backups::list(agent, call))),
    post("set_backup_schedule", |agent, call| Box::pin(set_backup_schedule(agent, call))),
    post("clear_backup_schedule", |agent, call| Box::pin(clear_backup_schedule(agent, call))),
    post("start_glbd", |agent, call| Box::pin(start_glbd(agent, call))),
    post("add_glbd_nodes", |agent, call| Box::pin(add_glbd_nodes(agent, call))),
    post("remove_glbd_nodes", |agent, call| Box::pin(remove_glbd_nodes(agent, call))),
    post("start_garbd", |agent, call| Box::pin(start_garbd(agent, call))),
    post("stop_garbd", |agent, call| Box::pin(stop(agent, call, |wanted| wanted.arbitrator = None))),
    get("getLoad", |agent, call| Box::pin(get_load(agent, call))),
    get("get_figures", |agent, call| Box::pin(get_figures(agent, call))),
];

/// Takes such a parameter, which may be left out.
fn take_or<T: DeserializeOwned>(call: &mut Call, name: &str, default: T) -> Result<T, MethodError> {
    let Some(value) = call.params.optional(name).filter(|value| !value.is_null()) else { return Ok(default) };
    serde_json::from_value(value).map_err(|error| bad(name, &error.to_string()).into())
}

/// Takes a cluster; one whose name could mean something in a configuration is refused by the template.
fn take_cluster(call: &mut Call) -> Result<Cluster, MethodError> {
    let members: Vec<Ipv4Addr> = take_or(call, "nodes", Vec::new())?;
    let tls = take_or(call, "tls", false)?;
    Ok(Cluster { name: call.params.string("cluster")?, members, tls })
}

async fn start_mysqld(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let cluster = take_cluster(&mut call)?;
    let variables: BTreeMap<String, String> = take_or(&mut call, "variables", BTreeMap::new())?;
    let _volumes_are_mounted_by_name = call.params.string_or("device_name", "")?;
    let restored: Restored = take_or(&mut call, "restored", Restored::default())?;
    call.finish()?;
    let before = agent.keeper.wanted().await?.member;
    let directory = match &before {
        Some(member) => member.directory.clone(),
        None => new_directory(&agent).await?,
    };
    let is_source = restored.at == agent.place.my_ip.to_string();
    if is_source && before.as_ref().is_some_and(|member| member.restored.number < restored.number) {
        begin::note_begun(&agent);
    }
    let n_begins = begin::n_begins(&agent, before.as_ref(), &cluster).await?;
    let member = Member { cluster, variables, directory, n_begins, restored };
    agent.keeper.change(|wanted| wanted.member = Some(member)).await?;
    Ok(Reply::nothing())
}

/// Makes the directory of a new member's data. Only here: if its volume is missing later, it is missing too.
async fn new_directory(agent: &Arc<MysqlAgent>) -> Result<PathBuf, MethodError> {
    let agent = Arc::clone(agent);
    sys::blocking(move || {
        let mut volumes = agent.volumes.names();
        volumes.retain(|name| name.starts_with("mysql-"));
        let directory = agent.place.home.data_directory(&volumes);
        agent.place.home.give(&directory)?;
        Ok(directory)
    })
    .await
}

async fn get_member_state(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let member = agent.keeper.wanted().await?.member;
    let status = agent.keeper.status(MYSQLD);
    let directory = member.as_ref().map(|member| member.directory.as_path());
    let is_at_rest = agent.keeper.is_at_rest();
    let mut state = agent.observer.state(&agent.place, directory, status.as_ref()).await;
    // A server that is about to end says nothing of the one that follows.
    if state.stage.is_serving() && !is_at_rest {
        state.stage = Stage::Joining;
    }
    Ok(Reply::of(&state))
}

async fn stop(agent: Arc<MysqlAgent>, call: Call, change: fn(&mut Wanted)) -> Result<Reply, MethodError> {
    call.finish()?;
    let number = agent.keeper.change(change).await?;
    agent.keeper.done(number).await?;
    Ok(Reply::nothing())
}

async fn set_password(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let username = call.params.string("username")?;
    let password = call.params.string("password")?;
    call.finish()?;
    agent.member("Cannot set password").await?;
    let no_nul = || MethodError::refused("Names and passwords cannot hold the character NUL");
    let (user, secret) = (sql::quoted(&username).ok_or_else(no_nul)?, sql::quoted(&password).ok_or_else(no_nul)?);
    let statement = format!("SET PASSWORD FOR {user}@'%' = PASSWORD({secret});");
    sql::run(&agent.place.socket(), &statement, sql::LIMIT).await.map_err(MethodError::refused)?;
    Ok(Reply::nothing())
}

/// Sets a variable of the running server. Name and value were parsed by whoever calls, and are words here again.
async fn set_variable(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("variable")?;
    let value = call.params.string("value")?;
    call.finish()?;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_word(&name) || !(is_word(&value) || is_number) {
        return Err(MethodError::invalid("a variable and its value are words or numbers"));
    }
    let literal = if is_number { value.clone() } else { format!("'{value}'") };
    let statement = format!("SET GLOBAL {name} = {literal};");
    sql::run(&agent.place.socket(), &statement, sql::LIMIT).await.map_err(MethodError::refused)?;
    // The next start reads it, whoever starts the server.
    let kept = |wanted: &mut Wanted| {
        if let Some(member) = &mut wanted.member {
            member.variables.insert(name, value);
        }
    };
    agent.keeper.change(kept).await?;
    Ok(Reply::nothing())
}

async fn set_backup_schedule(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let schedule: Schedule = call.structure("schedule")?;
    call.finish()?;
    kept_backups::set_schedule(agent, Some(schedule)).await
}

async fn clear_backup_schedule(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    kept_backups::set_schedule(agent, None).await
}

async fn start_glbd(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let nodes: Vec<SocketAddrV4> = call.structure("nodes")?;
    call.finish()?;
    balance(&agent, |balancer| *balancer = nodes).await
}

async fn add_glbd_nodes(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let nodes: Vec<SocketAddrV4> = call.structure("nodesIp")?;
    call.finish()?;
    balance(&agent, |balancer| {
        balancer.retain(|node| !nodes.contains(node));
        balancer.extend(nodes);
    })
    .await
}

async fn remove_glbd_nodes(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let nodes: Vec<SocketAddrV4> = call.structure("nodes")?;
    call.finish()?;
    balance(&agent, |balancer| balancer.retain(|node| !nodes.contains(node))).await
}

async fn balance(agent: &Arc<MysqlAgent>, change: impl FnOnce(&mut Vec<SocketAddrV4>)) -> Result<Reply, MethodError> {
    let changed = |wanted: &mut Wanted| change(wanted.balancer.get_or_insert_default());
    let number = agent.keeper.change(changed).await?;
    agent.keeper.done(number).await?;
    Ok(Reply::nothing())
}

async fn start_garbd(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let cluster = take_cluster(&mut call)?;
    call.finish()?;
    // It votes as soon as it finds the others; nobody waits for its vote.
    agent.keeper.change(|wanted| wanted.arbitrator = Some(cluster)).await?;
    Ok(Reply::nothing())
}

async fn get_load(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.member("Cannot tell the load").await?;
    Ok(Reply::of(&member::load(&agent.place).await.map_err(MethodError::refused)?))
}

async fn get_figures(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let member = agent.keeper.wanted().await?.member;
    let disk = member.map_or_else(|| PathBuf::from("/"), |member| member.directory);
    let owner = Arc::clone(&agent);
    Ok(Reply::of(&sys::blocking(move || owner.meter.figures(&disk)).await))
}
