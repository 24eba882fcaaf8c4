//! Volumes of shared storage that other services of the application mount.
//!
//! ```text
//!             recorded, nodes told          the master moved: nodes told anew
//!   nothing ───────────────────▶ mounted ◀──┐
//!      ▲                            │  └────┘
//!      └────────────────────────────┘ forgotten, nodes told
//! ```
//!
//! # Guarantees
//! - What nodes are told changes in the transaction that records the operation which tells them. Nodes that come later
//!   are told with their plan.
//! - [`keep`] follows a master to another address, and forgets mounts of services that are gone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::core::{Manager, Service};
use super::link;
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::service::MethodError;
use crate::store::StoreError;
use crate::store::manager::{self as store, MountRow, Transaction};
use crate::sys;
use crate::task::repeat;

/// A look costs a read of the database.
const PAUSE: Duration = Duration::from_secs(3);

/// Looks after all mounts, until `stop`.
pub(super) async fn keep(manager: Arc<Manager>, stop: CancellationToken) {
    let manager = &manager;
    let look = || async move {
        if let Err(error) = look_after_all(manager).await {
            tracing::warn!("cannot look after mounted volumes: {}", sys::chain(&error));
        }
    };
    repeat::every(PAUSE, stop, look).await;
}

async fn look_after_all(manager: &Arc<Manager>) -> Result<(), StoreError> {
    for row in manager.store.read(store::list_mounts).await? {
        // A service that changes right now is told later.
        if let Err(error) = look_after(manager, &row).await {
            tracing::debug!("volume '{}' of service {} stays as it is: {error}", row.volume, row.sid);
        }
    }
    Ok(())
}

async fn look_after(manager: &Arc<Manager>, row: &MountRow) -> Result<(), MethodError> {
    let number = row.number;
    let forget = move |tx: &Transaction<'_>| Ok::<_, MethodError>(store::delete_mount(tx, number)?);
    if manager.find_service(row.sid).await?.is_none() {
        return manager.store.write(forget).await;
    }
    let Some(source) = manager.find_service(row.to_sid).await? else {
        return link::tell(manager, row.sid, "Shared storage is gone", None, forget).await.map(drop);
    };
    let Some(host) = host_of(&source).await?.filter(|host| *host != row.host) else { return Ok(()) };
    let text = format!("Shared storage of service {} is found at {host} now", row.to_sid);
    manager.note(row.sid, Level::Info, &text);
    let record = move |tx: &Transaction<'_>| Ok(store::set_mount_host(tx, number, &host)?);
    link::tell(manager, row.sid, &text, None, record).await.map(drop)
}

/// Records that a service mounts a volume, and has its nodes told. Returns the operation that tells them, if the service
/// works.
///
/// # Errors
/// Returns an error if the storage does not run, or the service is changing right now.
pub(super) async fn mount(
    manager: &Arc<Manager>,
    sid: ServiceId,
    source: &Service,
    volume: String,
    path: String,
) -> Result<Option<String>, MethodError> {
    let to_sid = source.row.sid;
    let host = host_of(source).await?;
    let host = host.ok_or_else(|| MethodError::refused(format!("Service {to_sid} does not run: start it first")))?;
    let record = move |tx: &Transaction<'_>| {
        let rows = store::list_mounts(tx)?;
        if let Some(other) = rows.iter().find(|row| row.sid == sid && is_within(&row.path, &path)) {
            let text = format!("Service {sid} mounts volume '{}' at {} already", other.volume, other.path);
            return Err(MethodError::refused(text));
        }
        Ok(store::insert_mount(tx, sid, to_sid, (&volume, &path), &host)?)
    };
    link::tell(manager, sid, "Mounting shared storage", None, record).await
}

/// Records that a service does not mount a volume any more, and has its nodes told. What is in the volume stays there.
///
/// # Errors
/// Returns an error if the service is changing right now.
pub(super) async fn unmount(manager: &Arc<Manager>, row: &MountRow) -> Result<Option<String>, MethodError> {
    let number = row.number;
    let record = move |tx: &Transaction<'_>| Ok(store::delete_mount(tx, number)?);
    link::tell(manager, row.sid, "Unmounting shared storage", None, record).await
}

/// Returns where a service with shared storage is found.
async fn host_of(source: &Service) -> Result<Option<String>, MethodError> {
    if source.row.state != State::Running {
        return Ok(None);
    }
    let settings = source.context.settings().await?;
    let nodes = source.context.nodes().await?;
    Ok(source.kind.manager.storage(&settings, &nodes)?.and_then(|offer| offer.host))
}

/// Whether one of two paths is below the other.
fn is_within(one: &str, other: &str) -> bool {
    let (one, other) = (std::path::Path::new(one), std::path::Path::new(other));
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mount_hides_another() {
        for (one, other, is_so) in [
            ("/srv/a", "/srv/a", true),
            ("/srv/a", "/srv/a/b", true),
            ("/srv/a/b", "/srv/a", true),
            ("/srv/a", "/srv/ab", false),
        ] {
            assert_eq!(is_within(one, other), is_so, "{one} {other}");
        }
    }
}
