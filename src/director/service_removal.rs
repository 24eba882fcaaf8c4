//! The end of services that their managers remove.
//!
//! ```text
//!   listed ──▶ removal recorded, not listed ──▶ the manager's operation ends: done ──▶ (none)
//!                                                            │ failed
//!                                                            ▼
//!                                                         listed, and can be removed again
//! ```
//!
//! Must not know: requests and answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Failure;
use super::manager_calls;
use super::state::{Director, OperationKey};
use crate::api::manager::AppInfo;
use crate::api::{OperationStatus, OperationView};
use crate::model::{Actor, ApplicationId, ServiceId, State};
use crate::rpc::RpcCall;
use crate::store::Transaction;
use crate::store::director::event::{self, NewEvent};
use crate::store::director::node::Node;
use crate::store::director::service::Removal;
use crate::store::director::{node, published, service, volume};
use crate::sys::chain;
use crate::task::poll::Pace;

/// Nodes are given back within a second; a cloud far away takes minutes.
const PACE: Pace = Pace::growing(Duration::from_millis(50), Duration::from_secs(30), 8);

/// It tells of all nodes and volumes of an application: a thousand nodes take 200 KB.
const MAX_APP_INFO_BYTES: u64 = 1024 * 1024;

/// Starts a task for every removal that is under way, unless one waits for it already.
pub(crate) async fn spawn_all(director: &Arc<Director>) -> Result<(), Failure> {
    let removals = director.store.read(|tx| Ok::<_, Failure>(service::removals(tx)?)).await?;
    for removal in removals {
        let director = Arc::clone(director);
        director.clone().tasks.spawn("await the removal of a service", async move {
            let _one_at_a_time = director.operations.hold(&OperationKey::Removal(removal.rec_id)).await;
            tokio::select! {
                // The next start of the director goes on from here.
                () = director.tasks.stopping().cancelled_owned() => {}
                () = await_end(&director, removal) => {}
            }
        });
    }
    Ok(())
}

/// Records that a service is no more.
pub(super) fn record_end(tx: &Transaction<'_>, rec_id: i64, aid: ApplicationId, sid: ServiceId) -> Result<(), Failure> {
    volume::leave_service(tx, aid, sid)?;
    published::delete(tx, aid, sid)?;
    let time = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
    let (state, reason, actor) = (State::Stopped, "The service is removed", Actor::User);
    event::insert(tx, &NewEvent { aid, sid: Some(sid), time, state, reason, actor })?;
    Ok(service::delete(tx, rec_id)?)
}

async fn await_end(director: &Director, removal: Removal) {
    let began = Instant::now();
    loop {
        match look(director, &removal).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(app.id = removal.aid.0, service.id = removal.sid.0, error = %chain(&error), "it is not known yet how a removal ends");
            }
        }
        tokio::time::sleep(PACE.pause_after(began.elapsed())).await;
    }
}

/// Records how the removal ended. Returns whether it has.
async fn look(director: &Director, removal: &Removal) -> Result<bool, Failure> {
    let (aid, wanted) = (removal.aid, removal.clone());
    let found = director.store.read(move |tx| {
        let is_under_way = service::removals(tx)?.contains(&wanted);
        Ok::<_, Failure>((is_under_way, node::manager(tx, aid)?))
    });
    let (is_under_way, manager) = found.await?;
    // The application may have been stopped, and all its services with it.
    let Some(manager) = manager.filter(|_| is_under_way) else { return Ok(!is_under_way) };
    let call = RpcCall::get(0, "get_operation").param("operation_id", removal.operation.as_str());
    let Removal { rec_id, sid, .. } = *removal;
    let view = match manager_calls::call::<OperationView>(director, &manager, &call).await {
        Ok(view) => view,
        // A manager forgets how its oldest operations ended.
        Err(error) if service_ids(director, &manager).await?.contains(&sid) => return Err(error),
        Err(_) => {
            OperationView { operation_id: String::new(), status: OperationStatus::Done, reason: None, progress: None }
        }
    };
    match view.status {
        OperationStatus::Running => Ok(false),
        OperationStatus::Done => {
            director.store.write(move |tx| record_end(tx, rec_id, aid, sid)).await?;
            Ok(true)
        }
        OperationStatus::Failed => {
            director.store.write(move |tx| Ok::<_, Failure>(service::set_removal(tx, rec_id, None)?)).await?;
            let reason = view.reason.unwrap_or_default();
            tracing::warn!(app.id = aid.0, service.id = sid.0, reason, "a service could not be removed");
            Ok(true)
        }
    }
}

/// Returns the ids of all services that a manager has, without its own 0.
pub(super) async fn service_ids(director: &Director, node: &Node) -> Result<Vec<ServiceId>, Failure> {
    let request = RpcCall::get(0, "get_app_info").answered_within(MAX_APP_INFO_BYTES);
    let info: AppInfo = manager_calls::call(director, node, &request).await?;
    Ok(info.states.into_keys().filter(|sid| *sid != ServiceId::MANAGER).collect())
}
