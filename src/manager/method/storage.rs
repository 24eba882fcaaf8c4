//! Volumes of shared storage that services mount (ours).

use std::path::{Component, Path};
use std::sync::Arc;

use super::parameters::take_service;
use crate::api::Accepted;
use crate::api::environment::{StorageLinkList, StorageLinkView};
use crate::api::params::bad;
use crate::manager::core::{Manager, Service};
use crate::manager::storage;
use crate::model::State;
use crate::service::{Call, MethodError, Reply};
use crate::store::manager::{self as store, MountRow};

/// Below these a volume may be mounted: what else a node has, its programs need.
const TOPS: [&str; 4] = ["/srv", "/mnt", "/home", "/opt"];
const MAX_PATH_CHARS: usize = 128;

/// `link_storage`: a volume is mounted in all nodes of a service, those that come later among them.
pub(crate) async fn link_storage(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_service(&manager, &mut call, "service_id").await?;
    let volume = call.params.string("volume")?;
    let path = call.params.string("path")?;
    let wanted = call.params.integer_or("to_service_id", 0)?;
    call.finish()?;
    check_path(&path)?;
    if !user.kind.manager.has_environment() {
        let kind = user.kind.name;
        return Err(MethodError::refused(format!("Services of type {kind} mount no shared storage")));
    }
    user.context.expect_state(State::CODE_CAN_CHANGE).await?;
    let source = source_of(&manager, &volume, wanted).await?;
    let operation_id = storage::mount(&manager, user.row.sid, &source, volume, path).await?;
    Ok(Reply::of(&Accepted { operation_id }))
}

/// `unlink_storage`.
pub(crate) async fn unlink_storage(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_service(&manager, &mut call, "service_id").await?;
    let path = call.params.string("path")?;
    call.finish()?;
    let sid = user.row.sid;
    let rows = manager.store.read(store::list_mounts).await?;
    let of_service: Vec<MountRow> = rows.into_iter().filter(|row| row.sid == sid).collect();
    let Some(row) = of_service.iter().find(|row| row.path == path) else {
        let paths: Vec<&str> = of_service.iter().map(|row| row.path.as_str()).collect();
        let there = if paths.is_empty() { "none".to_owned() } else { paths.join(", ") };
        let text = format!("Service {sid} mounts nothing at '{}'; its paths: {there}", path.escape_debug());
        return Err(MethodError::refused(text));
    };
    let operation_id = storage::unmount(&manager, row).await?;
    Ok(Reply::of(&Accepted { operation_id }))
}

/// `list_storage_links`.
pub(crate) async fn list_storage_links(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let rows = manager.store.read(store::list_mounts).await?;
    let view = |row: MountRow| StorageLinkView {
        service_id: row.sid,
        to_service_id: row.to_sid,
        volume: row.volume,
        path: row.path,
        host: row.host,
    };
    Ok(Reply::of(&StorageLinkList { links: rows.into_iter().map(view).collect() }))
}

/// Returns the service that has the volume: the one that is named, or the only one of the application.
async fn source_of(manager: &Arc<Manager>, volume: &str, wanted: i64) -> Result<Service, MethodError> {
    let mut found = Vec::new();
    for row in manager.store.read(store::list_services).await? {
        let Some(service) = manager.service(row).filter(|service| wanted == 0 || service.row.sid.0 == wanted) else {
            continue;
        };
        let (settings, nodes) = (service.context.settings().await?, service.context.nodes().await?);
        let offer = service.kind.manager.storage(&settings, &nodes)?;
        if offer.is_some_and(|offer| offer.passwords.contains_key(volume)) {
            found.push(service);
        }
    }
    let shown = volume.escape_debug();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(MethodError::refused(format!(
            "No shared storage of this application has a volume '{shown}': add_xfs_volume makes one"
        ))),
        n => Err(MethodError::refused(format!("{n} services have a volume '{shown}': name one by to_service_id"))),
    }
}

fn check_path(path: &str) -> Result<(), MethodError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let parts = Path::new(path).components();
    let is_straight = parts.skip(1).all(|part| matches!(part, Component::Normal(_)));
    let is_below =
        TOPS.iter().any(|top| path.strip_prefix(top).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')));
    if is_below && is_straight && path.len() <= MAX_PATH_CHARS && path.chars().all(is_plain) && !path.ends_with('/') {
        return Ok(());
    }
    let tops = TOPS.join(", ");
    let text = format!("'{}' is no directory below {tops}, in letters, digits and '._-'", path.escape_debug());
    Err(bad("path", &text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_mounted_where_no_program_of_the_node_is() {
        for path in ["/srv/pictures", "/mnt/a/b", "/home/alice", "/opt/x.y_z-1"] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        for path in
            ["/srv", "/srv/", "srv/a", "/etc/x", "/srv/../etc", "/srv/a/", "/srvx/a", "/srv/a b", "/srv/a\n", ""]
        {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }
}
