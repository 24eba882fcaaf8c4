//! Has the volumes of nodes grow to the size that is set for their service.
//!
//! What is set is recorded first. So this is the same work after a crash, and at a node that was away.

use std::sync::Arc;

use crate::manager::core::{Manager, Service};
use crate::node::Level;
use crate::service::{Document, MethodError};
use crate::store::manager::{self as store, NodeRow};
use crate::sys;
use crate::task::crash_point;

/// Grows those volumes that were made with the nodes of a service and are smaller than it wants them.
///
/// # Errors
/// Returns an error if the settings cannot be read, or the director does not grow one.
pub(super) async fn grow(manager: &Arc<Manager>, service: &Service, nodes: &[NodeRow]) -> Result<(), MethodError> {
    let (sid, kind) = (service.row.sid, service.kind.manager);
    let read = move |tx: &store::Transaction<'_>| {
        Ok::<_, MethodError>((Document::new(store::service_settings(tx, sid)?), store::list_volumes(tx, Some(sid))?))
    };
    let (settings, volumes) = manager.store.read(read).await?;
    for node in nodes {
        let wanted = kind.volumes(&settings, &kind.roles().read(&node.role))?;
        for volume in volumes.iter().filter(|volume| volume.node_id == node.view.id) {
            let Some(request) = wanted.iter().find(|request| request.is_for(&volume.name)) else { continue };
            let size_mb = i64::try_from(request.vol_size).unwrap_or(i64::MAX);
            let Some(volume_id) = volume.volume_id.as_deref().filter(|_| volume.size_mb < size_mb) else { continue };
            let grown = manager.director.grow_volume(volume_id, size_mb).await;
            grown.map_err(|error| MethodError::refused(sys::chain(&error)))?;
            crash_point("care.volume_grown");
            let (name, noted) = (volume.name.clone(), format!("Volume {} has {size_mb} MB now", volume.name));
            manager.note(sid, Level::Info, &noted);
            manager.store.write(move |tx| store::set_volume_size(tx, &name, size_mb)).await?;
        }
    }
    Ok(())
}
