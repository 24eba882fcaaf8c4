//! An operation under way: its record, its steps and its end.

use std::sync::Arc;
use std::time::Duration;

use super::task::{Ending, Plan};
use crate::manager::core::{Manager, Service};
use crate::manager::director::DirectorError;
use crate::model::ServiceId;
use crate::node::Level;
use crate::service::{MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, EventError, NodeRow, OperationRow, Transaction};
use crate::sys;
use crate::task::crash_point;

/// How long a database that fails is left alone.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(5);

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

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        self.row.plan.task.name()
    }

    pub(super) fn sid(&self) -> ServiceId {
        self.row.sid
    }

    pub(super) fn note(&self, level: Level, text: &str) {
        self.manager.note(self.row.sid, level, text);
    }

    /// Returns whether the first `n` steps are noted as done.
    pub(super) fn has_done(&self, n: u32) -> bool {
        self.row.plan.steps_done >= n
    }

    /// Notes the `n`-th step as done, together with `more`, and passes its crash point.
    pub(super) async fn step_done(
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
    pub(super) async fn expect_wanted(&self) -> Result<(), StepError> {
        if self.is_superseded().await? { Err(StepError::Superseded) } else { Ok(()) }
    }

    pub(super) async fn is_superseded(&self) -> Result<bool, StoreError> {
        let (sid, number) = (self.row.sid, self.row.number);
        self.manager.store.read(move |tx| is_superseded(tx, sid, number)).await
    }

    pub(super) async fn fail(&mut self, error: &StepError) {
        let text = format!("{} failed: {}", self.name(), sys::chain(error));
        self.note(Level::Error, &text);
        self.row.failure = Some(text.clone());
        let number = self.row.number;
        let noted = self.manager.store.write(move |tx| store::set_operation_failure(tx, number, &text));
        if let Err(error) = noted.await {
            self.note(Level::Error, &format!("cannot note the failure: {}", sys::chain(&error)));
        }
        crash_point(&format!("{}.failed", self.name()));
    }

    /// Returns the service that the operation changes.
    pub(super) async fn service(&self) -> Result<Service, StepError> {
        let found = self.manager.find_service(self.sid()).await?;
        found.ok_or_else(|| StepError::Gone("the service is gone".to_owned()))
    }

    /// Returns all nodes of the service, in whatever phase they are.
    pub(super) async fn all_nodes(&self) -> Result<Vec<NodeRow>, StepError> {
        let sid = self.sid();
        Ok(self.manager.store.read(move |tx| store::list_nodes(tx, Some(sid))).await?)
    }

    /// Ends the operation: its outcome, its service's last state and the removal of its record, with `more`, in one
    /// transaction. A service that is being stopped keeps its state, and so does one that `more` removed.
    pub(super) async fn finish(
        &self,
        ending: Ending,
        more: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StepError> {
        let (sid, number, id) = (self.row.sid, self.row.number, self.row.id.clone());
        let event = self.row.plan.task.ends(&ending);
        let failure = match ending {
            Ending::Done => None,
            Ending::Undone(failure) => Some(failure),
        };
        let reason = failure.clone().unwrap_or_default();
        let noted = reason.clone();
        let finished = self.manager.store.write(move |tx| {
            more(tx)?;
            store::delete_operation(tx, number)?;
            store::insert_outcome(tx, &id, failure.as_deref())?;
            if is_superseded(tx, sid, number)? {
                return Ok(None);
            }
            match store::record_event(tx, sid, event, &noted, now()) {
                Ok(state) => {
                    store::set_last_failure(tx, sid, failure.as_deref())?;
                    Ok(Some(Ok(state)))
                }
                Err(EventError::Gone) => Ok(None),
                // The work is done all the same: repeating it would not make the state fit.
                Err(EventError::WrongState(wrong)) => Ok(Some(Err(wrong))),
                Err(EventError::Store(error)) => Err(error),
            }
        });
        let state = finished.await?;
        self.manager.operation_ended.notify_waiters();
        match state {
            Some(Ok(state)) => self.manager.log_state(sid, state, &reason),
            Some(Err(wrong)) => self.note(Level::Error, &format!("the state stays as it is: {wrong}")),
            None => {}
        }
        crash_point(&format!("{}.finished", self.name()));
        Ok(())
    }
}

/// Returns whether a later operation of the service ends it.
fn is_superseded(tx: &Transaction<'_>, sid: ServiceId, number: i64) -> Result<bool, StoreError> {
    let operations = store::list_operations::<Plan>(tx, Some(sid))?;
    Ok(operations.iter().any(|later| later.number > number && later.plan.task.is_end()))
}
