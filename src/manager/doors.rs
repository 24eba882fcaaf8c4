//! Tells the director where visitors come in at the services: what is published leads there.
//!
//! It is told again and again, so that a director that lost it, as by a restore of an older copy, knows it soon.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::core::{Manager, Service};
use crate::api::DoorView;
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, NodeRow};
use crate::sys;

/// A look costs a read of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// After the director has not taken it.
const AGAIN: Duration = Duration::from_secs(10);
/// An ingress pauses between two changes, and reads its new configuration.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is told what is told already.
const REPEAT: Duration = Duration::from_secs(120);

/// Tells it whenever it changes, until `stop`.
pub(super) async fn tell(manager: Arc<Manager>, stop: CancellationToken) {
    let mut told: Option<(Vec<DoorView>, Instant)> = None;
    loop {
        let mut pause = PAUSE;
        match all(&manager).await {
            Ok(doors) if is_known(told.as_ref(), &doors) => {}
            Ok(doors) => {
                told = match manager.director.tell_doors(&doors, Duration::ZERO).await {
                    Ok(()) => Some((doors, Instant::now())),
                    Err(error) => {
                        tracing::debug!("the director does not hear of the doors: {}", sys::chain(&error));
                        pause = AGAIN;
                        None
                    }
                };
            }
            Err(error) => tracing::warn!("the doors of the services are not known: {}", sys::chain(&error)),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Has visitors come in at nodes that stay before those at the doors of `leaving` nodes go. The director may not hear of it:
/// then it learns it later, and some request may fail.
pub(super) async fn close(manager: &Manager, service: &Service, leaving: &[NodeRow]) {
    let kind = service.kind.manager;
    let (role, _) = kind.door();
    let is_at_door = |node: &NodeRow| role.is_none_or(|role| kind.roles().read(&node.role).plays(role));
    if !leaving.iter().any(is_at_door) {
        return;
    }
    let told = match all(manager).await {
        Ok(doors) => manager.director.tell_doors(&doors, CLOSED_WITHIN).await.map_err(|error| sys::chain(&error)),
        Err(error) => Err(sys::chain(&error)),
    };
    if let Err(error) = told {
        tracing::warn!("visitors of service {} may come to nodes that go: {error}", service.row.sid);
    }
}

fn is_known(told: Option<&(Vec<DoorView>, Instant)>, doors: &[DoorView]) -> bool {
    told.is_some_and(|(told, at)| told == doors && at.elapsed() < REPEAT)
}

/// Returns the doors of all services, in nodes that work.
async fn all(manager: &Manager) -> Result<Vec<DoorView>, StoreError> {
    let read =
        |tx: &store::Transaction<'_>| Ok::<_, StoreError>((store::list_services(tx)?, store::list_nodes(tx, None)?));
    let (services, nodes) = manager.store.read(read).await?;
    let mut doors = Vec::new();
    for service in services.into_iter().filter_map(|row| manager.service(row)) {
        let kind = service.kind.manager;
        let (role, port) = kind.door();
        let own = nodes.iter().filter(|node| node.sid == service.row.sid && node.phase == NodePhase::Active);
        let at_door = own.filter(|node| role.is_none_or(|role| kind.roles().read(&node.role).plays(role)));
        doors.extend(at_door.filter_map(|node| {
            let ip = node.view.ip.parse().ok()?;
            Some(DoorView { service_id: node.sid, address: SocketAddrV4::new(ip, port) })
        }));
    }
    doors.sort_unstable();
    Ok(doors)
}
