//! Which steps an operation has, and how it is undone.

use super::step::{Operation, STORE_PAUSE, StepError};
use super::task::{Ending, Task};
use crate::node::Level;

/// How often an operation is taken up after crashes before it is undone.
const MAX_ATTEMPTS: i64 = 5;

impl Operation {
    /// Carries the operation out from where its record says it is, or undoes it.
    pub(super) async fn carry_out(mut self) {
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
            Task::HealNodes { ids, .. } => self.heal_nodes(&ids).await,
            Task::StopService | Task::StopKeepingVolumes => self.stop_service().await,
            Task::RemoveService => self.remove_service().await,
            Task::CreateVolume { name } => self.create_volume(&name).await,
            Task::DeleteVolume { name } => self.delete_volume(&name).await,
            Task::AttachVolume { name } => self.attach_volume(&name).await,
            Task::Adapt { change } => self.adapt(change).await,
        }
    }

    async fn undo(&mut self) -> Result<(), StepError> {
        let failure = self.row.failure.clone().unwrap_or_default();
        match self.row.plan.task.clone() {
            Task::StartService { .. } | Task::AddNodes { .. } => self.take_nodes_back(failure).await,
            Task::HealNodes { ids, .. } => self.undo_heal(ids, failure).await,
            Task::CreateVolume { name } => self.take_volume_back(&name, failure).await,
            Task::AttachVolume { name } => self.undo_attachment(&name, failure).await,
            Task::Adapt { .. } => self.undo_adapt(failure).await,
            Task::RemoveNodes { ids } => self.undo_removal(ids, failure).await,
            Task::DeleteVolume { .. } | Task::StopService | Task::StopKeepingVolumes | Task::RemoveService => {
                self.finish(Ending::Undone(failure), |_| Ok(())).await
            }
        }
    }
}
