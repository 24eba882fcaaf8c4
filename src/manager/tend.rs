//! Services that work are looked after: their kind does what their nodes need to work together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::care::Absence;
use super::core::Manager;
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::service::Settling;
use crate::store::StoreError;
use crate::store::manager as store;
use crate::sys;

/// While all is well; each look costs a call of each node.
const PAUSE: Duration = Duration::from_secs(10);
/// While something is not.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

/// Looks after the services whose kinds want it, until `stop`.
pub(super) async fn tend(manager: Arc<Manager>, stop: CancellationToken) {
    // What was said last of each service, so that it is said once.
    let mut said = BTreeMap::new();
    let mut absence = Absence::default();
    loop {
        let pause = if said.is_empty() { PAUSE } else { SHORT_PAUSE };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            tended = tend_all(&manager, &mut said, &mut absence) => {
                if let Err(error) = tended {
                    tracing::warn!("cannot look after the services: {}", sys::chain(&error));
                }
            }
        }
    }
}

async fn tend_all(
    manager: &Arc<Manager>,
    said: &mut BTreeMap<ServiceId, String>,
    absence: &mut Absence,
) -> Result<(), StoreError> {
    for row in manager.store.read(store::list_services).await? {
        let sid = row.sid;
        // An operation looks after the nodes that it changes.
        let is_at_work = row.state == State::Running;
        let Some(service) = manager.service(row).filter(|service| is_at_work && service.kind.manager.is_tended())
        else {
            said.remove(&sid);
            continue;
        };
        let nodes = service.context.nodes().await?;
        let settling = service.kind.manager.settle(&service.context, &nodes, &[]).await;
        if let Ok(settling) = &settling {
            absence.look(manager, &service, &nodes, settling).await;
        }
        let problem = match settling {
            Ok(Settling::Settled) => None,
            Ok(Settling::Without(ids)) => Some(format!("they serve without {}, which does not answer", ids.join(", "))),
            Ok(Settling::Waits(why) | Settling::Missing(why)) => Some(why),
            Err(error) => Some(error.to_string()),
        };
        match problem {
            Some(problem) if said.get(&sid) != Some(&problem) => {
                manager.note(sid, Level::Warning, &format!("the nodes do not work together: {problem}"));
                said.insert(sid, problem);
            }
            Some(_) => {}
            None if said.remove(&sid).is_some() => manager.note(sid, Level::Info, "the nodes work together again"),
            None => {}
        }
    }
    Ok(())
}
