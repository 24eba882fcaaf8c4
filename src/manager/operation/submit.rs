//! How operations come into being, and who carries them out.

use std::sync::{Arc, PoisonError};

use super::apply::adopt_all;
use super::step::{Operation, STORE_PAUSE};
use super::task::{Plan, Task};
use crate::api::manager::StateView;
use crate::manager::core::Manager;
use crate::model::{ServiceId, State, VolumeFate, next_service};
use crate::node::Level;
use crate::service::{MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, EventError, NodePhase, OperationRow, Transaction};
use crate::sys::{self, random};
use crate::task::crash_point;

/// What a task that was asked for led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submitted {
    /// The service's state now.
    pub(crate) state: State,
    /// The operation that carries the task out; `None` when there was nothing left to do.
    pub(crate) operation_id: Option<String>,
}

impl Submitted {
    /// Returns the answer to the call that asked for it.
    pub(crate) fn view(self) -> StateView {
        StateView { state: self.state, operation_id: self.operation_id }
    }
}

/// Records a task if the state of its service allows it, and has the task carried out. Returns the
/// service's new state and the operation.
///
/// # Errors
/// The service is in another state, or the database fails.
pub(crate) async fn submit(
    manager: &Arc<Manager>,
    sid: ServiceId,
    task: Task,
    reason: &str,
) -> Result<Submitted, MethodError> {
    submit_with(manager, sid, task, reason, |_| Ok(())).await
}

/// Records the removal of nodes that leave a service, with what `more` records, and has it carried out.
///
/// # Errors
/// As [`submit`].
pub(crate) async fn submit_removal(
    manager: &Arc<Manager>,
    sid: ServiceId,
    ids: Vec<String>,
    reason: &str,
    more: impl FnOnce(&Transaction<'_>) -> Result<(), MethodError> + Send + 'static,
) -> Result<Submitted, MethodError> {
    let task = Task::RemoveNodes { ids: ids.clone() };
    let record = move |tx: &Transaction<'_>| {
        store::set_node_phase(tx, &ids, NodePhase::Leaving)?;
        more(tx)
    };
    submit_with(manager, sid, task, reason, record).await
}

/// Does the same, with more that is recorded in the same transaction.
///
/// # Errors
/// As [`submit`], or what `more` says.
pub(crate) async fn submit_with(
    manager: &Arc<Manager>,
    sid: ServiceId,
    task: Task,
    reason: &str,
    more: impl FnOnce(&Transaction<'_>) -> Result<(), MethodError> + Send + 'static,
) -> Result<Submitted, MethodError> {
    let name = task.name();
    let (plan, noted) = (Plan { task, steps_done: 0 }, reason.to_owned());
    let outcome = manager.store.write(move |tx| {
        let submitted = record(tx, sid, &plan, &noted)?;
        more(tx)?;
        Ok::<_, MethodError>(submitted)
    });
    let submitted = outcome.await?;
    manager.log_state(sid, submitted.state, reason);
    crash_point(&format!("{name}.recorded"));
    wake(manager, sid);
    Ok(submitted)
}

/// Stops a service: one that never had nodes at once, one that has nodes by an operation. One that is
/// being stopped or is stopped stays as it is. `volumes` say whether those go with the nodes. Returns the service's
/// state, and the operation that stops it.
///
/// # Errors
/// The service is gone, it is being stopped already and loses the volumes that are to be kept, or the database fails.
pub(crate) async fn submit_stop(
    manager: &Arc<Manager>,
    sid: ServiceId,
    volumes: VolumeFate,
) -> Result<Submitted, MethodError> {
    let task = Task::stop(volumes);
    let name = task.name();
    let outcome = manager.store.write(move |tx| {
        let row = store::find_service(tx, sid)?.ok_or(EventError::Gone)?;
        let event = task.begins();
        let next = next_service(row.state, event).map_err(EventError::from)?;
        if next == row.state {
            let ending = ending_operation(tx, sid)?;
            if volumes == VolumeFate::Kept && ending.as_ref().is_some_and(|ending| ending.plan.task != task) {
                return Err(MethodError::refused(
                    "The service is being stopped already, and does not keep its volumes",
                ));
            }
            return Ok((Submitted { state: next, operation_id: ending.map(|ending| ending.id) }, false));
        }
        let submitted = match next.is_stopped() {
            true => Submitted { state: store::record_event(tx, sid, event, "", now())?, operation_id: None },
            false => record(tx, sid, &Plan { task, steps_done: 0 }, "")?,
        };
        Ok::<_, MethodError>((submitted, true))
    });
    let (submitted, is_new) = outcome.await?;
    if is_new {
        manager.log_state(sid, submitted.state, "");
    }
    if is_new && !submitted.state.is_stopped() {
        crash_point(&format!("{name}.recorded"));
        wake(manager, sid);
    }
    Ok(submitted)
}

fn record(tx: &Transaction<'_>, sid: ServiceId, plan: &Plan, reason: &str) -> Result<Submitted, EventError> {
    let state = store::record_event(tx, sid, plan.task.begins(), reason, now())?;
    let id = random::alphanumeric(20);
    store::insert_operation(tx, &id, sid, plan)?;
    Ok(Submitted { state, operation_id: Some(id) })
}

/// Returns the operation that ends the service, if one does.
fn ending_operation(tx: &Transaction<'_>, sid: ServiceId) -> Result<Option<OperationRow<Plan>>, StoreError> {
    let operations = store::list_operations::<Plan>(tx, Some(sid))?;
    Ok(operations.into_iter().rev().find(|operation| operation.plan.task.is_end()))
}

/// Takes up all operations that an earlier process left.
pub(crate) async fn resume(manager: &Arc<Manager>) -> Result<(), StoreError> {
    adopt_all(manager).await?;
    let left = manager.store.write(|tx| {
        let mut left: Vec<OperationRow<Plan>> = store::list_operations(tx, None)?;
        for operation in &mut left {
            operation.attempts += 1;
            store::save_operation(tx, operation)?;
        }
        Ok::<_, StoreError>(left)
    });
    for operation in left.await? {
        let text = format!("Taking up operation {} that was broken off", operation.plan.task.name());
        manager.note(operation.sid, Level::Info, &text);
        wake(manager, operation.sid);
    }
    Ok(())
}

/// Has a task of its own carry out the service's operations, if none does.
fn wake(manager: &Arc<Manager>, sid: ServiceId) {
    let mut at_work = manager.at_work.lock().unwrap_or_else(PoisonError::into_inner);
    if !at_work.insert(sid) {
        return;
    }
    let worker = Arc::clone(manager);
    manager.tasks.spawn("operations", async move {
        let stopping = worker.tasks.stopping();
        // Dropped at any point, an operation goes on from its record at the next start.
        tokio::select! {
            () = stopping.cancelled() => {}
            () = carry_out_all(&worker, sid) => {}
        }
    });
}

async fn carry_out_all(manager: &Arc<Manager>, sid: ServiceId) {
    loop {
        let next = manager.store.read(move |tx| store::list_operations::<Plan>(tx, Some(sid))).await;
        match next {
            Ok(operations) => match operations.into_iter().next() {
                Some(row) => Operation { manager: Arc::clone(manager), row }.carry_out().await,
                None if leave(manager, sid).await => return,
                None => {}
            },
            Err(error) => {
                tracing::error!("the operations of service {sid} cannot be read: {}", sys::chain(&error));
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}

/// Ends the work on a service, unless something came in at the last moment.
async fn leave(manager: &Arc<Manager>, sid: ServiceId) -> bool {
    manager.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&sid);
    let more = manager.store.read(move |tx| store::list_operations::<Plan>(tx, Some(sid))).await;
    if more.is_ok_and(|more| more.is_empty()) {
        return true;
    }
    // Somebody else may have taken it up; if not, this task goes on.
    !manager.at_work.lock().unwrap_or_else(PoisonError::into_inner).insert(sid)
}
