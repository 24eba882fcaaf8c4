//! Operations: work that outlives the request that asked for it.
//!
//! ```text
//!   submit: checked, recorded with the service's new state (one transaction)
//!      │
//!      ▼            every step repeatable, each noted when it is done
//!   carry out ──▶ step ──▶ step ──▶ finished: last state and removal of the record (one transaction)
//!      │ a step fails, or the operation was broken off too often
//!      ▼
//!   failure noted ──▶ undo ──▶ state RUNNING, STOPPED or ERROR with the reason
//! ```
//!
//! # Guarantees
//! - Operations of one service run one after the other.
//! - An operation whose service is being stopped ends at its next step; what
//!   it made is given back by it or by the stop.
//! - Nodes that could not be given back are given back by [`mod@sweep`].

mod apply;
mod nodes_in;
mod nodes_out;
mod sweep;
mod volumes;
mod work;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::core::Manager;
use super::director::DirectorError;
use crate::api::texts;
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::service::{Change, MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, OperationRow, Transaction};
use crate::sys::random;
use crate::task::crash_point;

pub(crate) use sweep::sweep;

/// How often an operation is taken up after crashes before it is undone.
const MAX_ATTEMPTS: i64 = 5;
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Task {
    StartService {
        cloud: String,
    },
    AddNodes {
        counts: Vec<(String, i64)>,
        cloud: String,
    },
    RemoveNodes {
        ids: Vec<String>,
    },
    StopService,
    RemoveService,
    CreateVolume {
        name: String,
    },
    DeleteVolume {
        name: String,
    },
    Adapt {
        // The field has the name that older programs recorded.
        #[serde(rename = "work")]
        change: Change,
    },
}

impl Task {
    fn name(&self) -> &'static str {
        match self {
            Task::StartService { .. } => "start_service",
            Task::AddNodes { .. } => "add_nodes",
            Task::RemoveNodes { .. } => "remove_nodes",
            Task::StopService => "stop_service",
            Task::RemoveService => "remove_service",
            Task::CreateVolume { .. } => "create_volume",
            Task::DeleteVolume { .. } => "delete_volume",
            Task::Adapt { .. } => "adapt",
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Task::StopService | Task::RemoveService)
    }
}

/// A task and how many of its steps are noted as done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) steps_done: u32,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The director did not do its part.
    #[error(transparent)]
    Director(#[from] DirectorError),
    /// The kind or an agent did not do its part.
    #[error(transparent)]
    Work(#[from] MethodError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service is being stopped or removed.
    #[error("the service was stopped meanwhile")]
    Superseded,
    /// Something is not as it was when the operation was planned.
    #[error("{0}")]
    Gone(String),
}

/// An operation being carried out.
pub(crate) struct Operation {
    pub(crate) manager: Arc<Manager>,
    pub(crate) row: OperationRow<Plan>,
}

/// Records a task if its service is in one of the `allowed` states, brings
/// the service to `state`, and has the task carried out.
///
/// # Errors
/// The service is in another state, or the database fails.
pub(crate) async fn submit(
    manager: &Arc<Manager>,
    sid: ServiceId,
    task: Task,
    allowed: &'static [State],
    state: State,
    reason: &str,
) -> Result<(), MethodError> {
    submit_with(manager, sid, task, allowed, state, reason, |_| Ok(())).await
}

/// The same, with more that is recorded in the same transaction.
///
/// # Errors
/// As [`submit`], or what `more` says.
pub(crate) async fn submit_with(
    manager: &Arc<Manager>,
    sid: ServiceId,
    task: Task,
    allowed: &'static [State],
    state: State,
    reason: &str,
    more: impl FnOnce(&Transaction<'_>) -> Result<(), MethodError> + Send + 'static,
) -> Result<(), MethodError> {
    let id = random::alphanumeric(20);
    let name = task.name();
    let (plan, noted) = (Plan { task, steps_done: 0 }, reason.to_owned());
    let outcome = manager.store.write(move |tx| {
        let row = store::find_service(tx, sid)?.ok_or_else(|| MethodError::refused("Service not found"))?;
        if !allowed.contains(&row.state) {
            return Err(MethodError::refused(texts::wrong_service_state(allowed, row.state)));
        }
        more(tx)?;
        store::insert_operation(tx, &id, sid, &plan)?;
        store::set_state(tx, sid, state, &noted, now())?;
        Ok::<_, MethodError>(())
    });
    outcome.await?;
    manager.log_state(sid, state, reason);
    crash_point(&format!("{name}.recorded"));
    wake(manager, sid);
    Ok(())
}

/// Takes up all operations that an earlier process left.
///
/// # Errors
/// The database fails.
pub(crate) async fn resume(manager: &Arc<Manager>) -> Result<(), StoreError> {
    apply::adopt_all(manager).await?;
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
                tracing::error!("the operations of service {sid} cannot be read: {}", crate::sys::chain(&error));
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

impl Operation {
    async fn carry_out(mut self) {
        if self.row.failure.is_none() && self.row.attempts > MAX_ATTEMPTS {
            let times = self.row.attempts;
            self.fail(&StepError::Gone(format!("it was broken off {times} times"))).await;
        }
        if self.row.failure.is_none() {
            let outcome = self.act().await;
            match outcome {
                Ok(()) => return,
                Err(error) => self.fail(&error).await,
            }
        }
        if let Err(error) = self.undo().await {
            self.note(Level::Error, &format!("cannot undo {}: {error}", self.name()));
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn act(&mut self) -> Result<(), StepError> {
        match self.row.plan.task.clone() {
            Task::StartService { .. } | Task::AddNodes { .. } => self.bring_nodes_in().await,
            Task::RemoveNodes { ids } => self.remove_nodes(&ids).await,
            Task::StopService => self.stop_service().await,
            Task::RemoveService => self.remove_service().await,
            Task::CreateVolume { name } => self.create_volume(&name).await,
            Task::DeleteVolume { name } => self.delete_volume(&name).await,
            Task::Adapt { change } => self.adapt(change).await,
        }
    }

    async fn undo(&mut self) -> Result<(), StepError> {
        let failure = self.row.failure.clone().unwrap_or_default();
        match self.row.plan.task.clone() {
            Task::StartService { .. } => self.take_nodes_back(State::Error, &failure).await,
            Task::AddNodes { .. } => self.take_nodes_back(State::Running, &failure).await,
            Task::CreateVolume { name } => self.take_volume_back(&name, &failure).await,
            Task::Adapt { .. } => self.undo_adapt(&failure).await,
            Task::RemoveNodes { .. } | Task::DeleteVolume { .. } => {
                self.finish(State::Running, &failure, Some(failure.clone()), |_| Ok(())).await
            }
            Task::StopService | Task::RemoveService => {
                self.finish(State::Error, &failure, Some(failure.clone()), |_| Ok(())).await
            }
        }
    }

    fn name(&self) -> &'static str {
        self.row.plan.task.name()
    }

    fn sid(&self) -> ServiceId {
        self.row.sid
    }

    fn note(&self, level: Level, text: &str) {
        self.manager.note(self.row.sid, level, text);
    }

    /// Whether the first `n` steps are noted as done.
    fn has_done(&self, n: u32) -> bool {
        self.row.plan.steps_done >= n
    }

    /// Notes the `n`-th step as done, together with `more`, and passes its crash point.
    async fn step_done(
        &mut self,
        n: u32,
        step: &str,
        more: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StepError> {
        self.row.plan.steps_done = n;
        let row = self.row.clone();
        let noted = self.manager.store.note(move |tx| {
            more(tx)?;
            store::save_operation(tx, &row)
        });
        noted.await?;
        crash_point(&format!("{}.{step}", self.name()));
        Ok(())
    }

    /// Ends an operation whose service is being stopped.
    async fn expect_wanted(&self) -> Result<(), StepError> {
        if self.is_superseded().await? { Err(StepError::Superseded) } else { Ok(()) }
    }

    async fn is_superseded(&self) -> Result<bool, StoreError> {
        let (sid, number) = (self.row.sid, self.row.number);
        let operations = self.manager.store.read(move |tx| store::list_operations::<Plan>(tx, Some(sid))).await?;
        Ok(operations.iter().any(|later| later.number > number && later.plan.task.is_end()))
    }

    async fn fail(&mut self, error: &StepError) {
        let text = format!("{} failed: {}", self.name(), crate::sys::chain(error));
        self.note(Level::Error, &text);
        self.row.failure = Some(text.clone());
        let number = self.row.number;
        let noted = self.manager.store.write(move |tx| store::set_operation_failure(tx, number, &text));
        if let Err(error) = noted.await {
            self.note(Level::Error, &format!("cannot note the failure: {}", crate::sys::chain(&error)));
        }
        crash_point(&format!("{}.failed", self.name()));
    }

    /// Ends the operation: its service's last state and the removal of its
    /// record, with `more`, in one transaction. A service that is being
    /// stopped keeps its state.
    async fn finish(
        &self,
        state: State,
        reason: &str,
        failure: Option<String>,
        more: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StepError> {
        let is_superseded = self.is_superseded().await?;
        let (sid, number, noted) = (self.row.sid, self.row.number, reason.to_owned());
        let finished = self.manager.store.write(move |tx| {
            more(tx)?;
            store::delete_operation(tx, number)?;
            if !is_superseded && store::find_service(tx, sid)?.is_some() {
                store::set_state(tx, sid, state, &noted, now())?;
                store::set_last_failure(tx, sid, failure.as_deref())?;
            }
            Ok::<_, StoreError>(())
        });
        finished.await?;
        if !is_superseded {
            self.manager.log_state(sid, state, reason);
        }
        crash_point(&format!("{}.finished", self.name()));
        Ok(())
    }
}
