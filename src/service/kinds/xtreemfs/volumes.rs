//! Volumes of shared storage, and who mounts them.
//!
//! What is wanted is recorded first, then the master is told. A master that was not told learns it when the manager next
//! looks after its nodes.

use std::net::Ipv4Addr;

use serde::de::IgnoredAny;

use super::plan;
use super::roles::{self, master};
use super::settings::{SharedVolume, XtreemfsSettings};
use crate::api::manager::NewSharedVolume;
use crate::api::params::bad;
use crate::api::xtreemfs::{SharedVolumeView, VolumeAccess, VolumeText};
use crate::model::{State, VolumeName};
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::service::shared_mount::StorageOffer;
use crate::store::manager::{self as store, NodeRow};

/// A volume that a chunk of 64 MB and what a server keeps free do not fill.
const LEAST_MB: i64 = 256;
const MOST_MB: i64 = 16 * 1024 * 1024;
/// A master has a line of its configuration for each.
const MOST_VOLUMES: usize = 256;
const MAX_OWNER_CHARS: usize = 64;

/// `createVolume`.
pub(super) async fn create(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let owner = call.params.string_or("owner", "xtreemfs")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("The volume could not be created: {error}"));
    check_name(&name).and_then(|()| check_owner(&owner)).map_err(failed)?;
    let key = name.clone();
    let insert = move |settings: &mut XtreemfsSettings| {
        if let Some(other) = settings.volumes.get(&key) {
            let why = if other.is_leaving { "is being removed" } else { "is there already" };
            return Err(MethodError::refused(format!("volume '{key}' {why}")));
        }
        if settings.volumes.len() >= MOST_VOLUMES {
            return Err(MethodError::refused(format!("a service has at most {MOST_VOLUMES} volumes")));
        }
        settings.volumes.insert(key, SharedVolume::new(owner));
        Ok(())
    };
    set_running(&service, insert).await.map_err(failed)?;
    if let Err(error) = tell(&service).await {
        // Nothing was put in it yet; what the master has of it is an empty directory.
        set(&service, move |settings| {
            settings.volumes.remove(&name);
            Ok(())
        })
        .await?;
        return Err(failed(error));
    }
    Ok(Reply::nothing())
}

/// `deleteVolume`: it is gone for clients at once; what it held goes after that.
pub(super) async fn delete(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("The volume could not be deleted: {error}"));
    let sid = service.sid;
    let links = service.store.read(store::list_mounts).await?;
    if let Some(link) = links.iter().find(|link| link.to_sid == sid && link.volume == name) {
        let text = format!("service {} mounts it at {}: unlink it first", link.sid, link.path);
        return Err(failed(MethodError::refused(text)));
    }
    let key = name.clone();
    let mark = move |settings: &mut XtreemfsSettings| {
        find(settings, &key)?.is_leaving = true;
        Ok(())
    };
    set_running(&service, mark).await.map_err(failed)?;
    finish_removals(&service).await.map_err(failed)?;
    Ok(Reply::nothing())
}

/// Has the master put away the volumes that are being removed, and forgets them. May be repeated.
///
/// # Errors
/// Returns an error if the master does not answer.
pub(super) async fn finish_removals(service: &ServiceContext) -> Result<(), MethodError> {
    tell(service).await?;
    let forget = |settings: &mut XtreemfsSettings| {
        settings.volumes.retain(|_, volume| !volume.is_leaving);
        Ok(())
    };
    set(service, forget).await
}

/// `listVolumes`: lines as those of ConPaaS 2.0.
pub(super) async fn list(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let names = settings.volumes.iter().filter(|(_, volume)| !volume.is_leaving).map(|(name, _)| name);
    let line = |name: &String| format!("\t{name}\t->\t{}-{name}\n", service.sid);
    let lines: String = names.map(line).collect();
    Ok(Reply::of(&VolumeText { volumes: lines }))
}

/// `get_volumes` (ours).
pub(super) async fn get_volumes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let nodes = service.nodes().await?;
    let (n_servers, host) = (roles::n_servers(&nodes), master(&nodes).map(|node| node.view.ip.clone()));
    let view = |(name, volume): (&String, &SharedVolume)| SharedVolumeView {
        name: name.clone(),
        owner: volume.owner.clone(),
        copies: volume.n_copies(n_servers),
        quota_mb: volume.quota_mb,
        clients: volume.clients.clone(),
        labels: volume.labels.clone(),
        host: host.clone(),
    };
    let volumes: Vec<SharedVolumeView> =
        settings.volumes.iter().filter(|(_, volume)| !volume.is_leaving).map(view).collect();
    Ok(Reply::of(&volumes))
}

/// `get_volume_access` (ours): with the password, which is why it is no GET.
pub(super) async fn get_access(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let mut settings: XtreemfsSettings = service.settings().await?.read()?;
    let password = find(&mut settings, &name)?.password.clone();
    let nodes = service.nodes().await?;
    let host = master(&nodes).ok_or_else(|| MethodError::refused("no node has the metadata now"))?.view.ip.clone();
    Ok(Reply::of(&VolumeAccess { host, name, password }))
}

/// `set_volume_quota` (ours): 0 takes the limit away.
pub(super) async fn set_quota(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let size = call.params.integer("size")?;
    call.finish()?;
    if !(0..=MOST_MB).contains(&size) {
        return Err(bad("size", &format!("{size} is not from 0 to {MOST_MB} (MB)")).into());
    }
    change(&service, &name, move |volume| volume.quota_mb = u64::try_from(size).ok().filter(|size| *size > 0)).await
}

/// `set_volume_clients` (ours): `*`, an address, or a network such as 172.16.0.0/24.
pub(super) async fn set_clients(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("volumeName")?;
    let clients = call.params.string("clients")?;
    call.finish()?;
    if !is_address_range(&clients) {
        let text = format!("'{}' is neither *, nor an address, nor a network", clients.escape_debug());
        return Err(bad("clients", &text).into());
    }
    change(&service, &name, move |volume| volume.clients = clients).await
}

/// Returns what services are told that mount volumes.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(super) fn offer(settings: &Document, nodes: &[NodeRow]) -> Result<StorageOffer, MethodError> {
    let settings: XtreemfsSettings = settings.read()?;
    let there = settings.volumes.into_iter().filter(|(_, volume)| !volume.is_leaving);
    let passwords = there.map(|(name, volume)| (name, volume.password)).collect();
    Ok(StorageOffer { host: master(nodes).map(|node| node.view.ip.clone()), passwords })
}

/// Returns the volumes that there are, as a manifest makes them.
///
/// # Errors
/// Returns an error if the settings cannot be read.
pub(super) fn made(settings: &Document) -> Result<Vec<NewSharedVolume>, MethodError> {
    let settings: XtreemfsSettings = settings.read()?;
    let there = settings.volumes.into_iter().filter(|(_, volume)| !volume.is_leaving);
    Ok(there.map(|(name, volume)| NewSharedVolume { name, owner: Some(volume.owner) }).collect())
}

/// Changes a volume, and has the master know it.
///
/// # Errors
/// Returns an error if there is no such volume, or the master does not answer; it is told later then.
pub(super) async fn change(
    service: &ServiceContext,
    name: &str,
    change: impl FnOnce(&mut SharedVolume) + Send + 'static,
) -> Result<Reply, MethodError> {
    let key = name.to_owned();
    set_running(service, move |settings| {
        change(find(settings, &key)?);
        Ok(())
    })
    .await?;
    tell(service).await?;
    Ok(Reply::nothing())
}

/// Has the master know what is set.
///
/// # Errors
/// Returns an error if it does not answer, or cannot do it.
pub(super) async fn tell(service: &ServiceContext) -> Result<(), MethodError> {
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    let nodes = service.nodes().await?;
    let node = master(&nodes).ok_or_else(|| MethodError::refused("no node has the metadata now"))?;
    let call = plan::directory_call(&settings, &nodes, node);
    service.agents.call::<IgnoredAny>(node, &call).await.map(drop)
}

/// Changes what is set of a service that works.
async fn set_running(
    service: &ServiceContext,
    change: impl FnOnce(&mut XtreemfsSettings) -> Result<(), MethodError> + Send + 'static,
) -> Result<(), MethodError> {
    set_in(service, &[State::Running], change).await
}

/// Changes what is set of a service that no operation changes.
///
/// # Errors
/// Returns an error if one does, or what `change` says.
pub(super) async fn set(
    service: &ServiceContext,
    change: impl FnOnce(&mut XtreemfsSettings) -> Result<(), MethodError> + Send + 'static,
) -> Result<(), MethodError> {
    set_in(service, &[State::Init, State::Stopped, State::Running], change).await
}

async fn set_in(
    service: &ServiceContext,
    states: &'static [State],
    change: impl FnOnce(&mut XtreemfsSettings) -> Result<(), MethodError> + Send + 'static,
) -> Result<(), MethodError> {
    let sid = service.sid;
    let kept = service.store.write(move |tx| {
        // An operation that has begun meanwhile writes what it knew.
        let row = store::find_service(tx, sid)?.ok_or_else(|| MethodError::refused("Service not found"))?;
        if !states.contains(&row.state) {
            return Err(MethodError::refused("the service is changing: say it again when that is done"));
        }
        let mut settings: XtreemfsSettings = Document::new(store::service_settings(tx, sid)?).read()?;
        change(&mut settings)?;
        store::set_service_settings(tx, sid, Document::of(&settings)?.into_text().as_deref())?;
        Ok(())
    });
    kept.await
}

/// Sets how large the volumes of nodes are.
///
/// # Errors
/// Returns an error if one of them is larger already, or the size makes no sense.
pub(super) async fn set_size(service: &ServiceContext, size_mb: i64) -> Result<(), MethodError> {
    let sid = service.sid;
    let volumes = service.store.read(move |tx| store::list_volumes(tx, Some(sid))).await?;
    let largest = volumes.iter().map(|volume| volume.size_mb).max().filter(|largest| *largest > size_mb);
    if let Some(largest) = largest {
        let text = format!("{size_mb} is less than the {largest} MB of a node: volumes only grow");
        return Err(bad("size", &text).into());
    }
    let size = size_in_mb(size_mb)?;
    set(service, move |settings| {
        settings.osd_mb = Some(size);
        Ok(())
    })
    .await
}

/// Returns the settings with which volumes of nodes have this size.
///
/// # Errors
/// Returns an error if no volume can have it.
pub(super) fn with_volume_size(settings: &Document, size_mb: i64) -> Result<Document, MethodError> {
    let size = size_in_mb(size_mb)?;
    let settings: XtreemfsSettings = settings.read()?;
    Document::of(&XtreemfsSettings { osd_mb: Some(size), ..settings })
}

fn size_in_mb(size_mb: i64) -> Result<u64, MethodError> {
    let size = u64::try_from(size_mb).ok().filter(|_| (LEAST_MB..=MOST_MB).contains(&size_mb));
    size.ok_or_else(|| bad("size", &format!("{size_mb} is not from {LEAST_MB} to {MOST_MB} (MB)")).into())
}

/// Returns a volume that is there.
///
/// # Errors
/// Returns an error that names those that are.
pub(super) fn find<'a>(settings: &'a mut XtreemfsSettings, name: &str) -> Result<&'a mut SharedVolume, MethodError> {
    let names: Vec<String> = settings.volumes.keys().cloned().collect();
    let found = settings.volumes.get_mut(name).filter(|volume| !volume.is_leaving);
    found.ok_or_else(|| {
        let there =
            if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        MethodError::refused(format!("no volume '{}': {there}", name.escape_debug()))
    })
}

fn check_name(name: &str) -> Result<(), MethodError> {
    let parsed: Result<VolumeName, _> = name.parse();
    parsed.map(drop).map_err(|error| MethodError::refused(error.to_string()))
}

fn check_owner(owner: &str) -> Result<(), MethodError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !owner.is_empty() && owner.len() <= MAX_OWNER_CHARS && owner.chars().all(is_plain) {
        return Ok(());
    }
    Err(MethodError::refused(format!("the owner '{}' is no name of an account", owner.escape_debug())))
}

fn is_address_range(text: &str) -> bool {
    let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
    text == "*" || (address.parse::<Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_become_lines_of_a_configuration() {
        for name in ["pictures", "a-b_c", "vol1"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "../x", "a b", "a\n* / rw", "a/b", "a,b", "'"] {
            assert!(check_name(name).is_err() && check_owner(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn clients_are_everybody_an_address_or_a_network() {
        for (text, is_so) in
            [("*", true), ("10.0.0.1", true), ("10.0.0.0/24", true), ("10.0.0.0/33", false), ("a", false)]
        {
            assert_eq!(is_address_range(text), is_so, "{text}");
        }
        assert!(!is_address_range("* / rw,admin\n10.0.0.1"));
    }

    #[test]
    fn a_volume_that_is_not_there_is_told_with_those_that_are() {
        let mut settings = XtreemfsSettings::default();
        assert!(find(&mut settings, "x").is_err_and(|error| error.to_string() == "no volume 'x': there is none"));
        settings.volumes.insert("y".to_owned(), SharedVolume::new("xtreemfs".to_owned()));
        assert!(find(&mut settings, "x").is_err_and(|error| error.to_string() == "no volume 'x': there are: y"));
        assert!(find(&mut settings, "y").is_ok());
    }
}
