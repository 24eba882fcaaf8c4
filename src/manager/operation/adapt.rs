//! `adapt`: the code or the settings of a working service change.

use super::apply::{Target, go_back};
use super::step::{Operation, StepError};
use super::task::Ending;
use crate::manager::core::Service;
use crate::node::Level;
use crate::service::Change;
use crate::service::care::{FrontDoor, Health};

const DONE: u32 = 1;

impl Operation {
    pub(super) async fn adapt(&mut self, change: Change) -> Result<(), StepError> {
        let service = self.service().await?;
        if !self.has_done(DONE) {
            let nodes = service.context.nodes().await?;
            let target = Target::of(&service, &nodes, Some(&change)).await?;
            // What a link brings or takes away, visitors see.
            let is_link = matches!(change, Change::Environment { environment: None });
            let door = if is_link { FrontDoor::default() } else { front_door(&service).await? };
            // A manager that was broken off does not know any more how it was: well, or nobody would have changed it.
            let before = if self.row.attempts == 0 { door.look().await } else { Health::Well };
            target.apply(&service, &nodes).await?;
            self.settle(&service, &nodes, &nodes).await?;
            expect_as_well(&door, &before).await?;
            self.step_done(DONE, "agents_adapted", move |tx| target.record(tx)).await?;
        }
        self.finish(Ending::Done, |_| Ok(())).await
    }

    /// Brings the nodes back to the plan without the change: what is kept still says so.
    pub(super) async fn undo_adapt(&mut self, failure: String) -> Result<(), StepError> {
        if !self.is_superseded().await? {
            let service = self.service().await?;
            if let Err(error) = go_back(&service).await {
                self.note(Level::Warning, &format!("some agents may not be as they were: {error}"));
            }
        }
        self.finish(Ending::Undone(failure), |_| Ok(())).await
    }
}

/// Returns where visitors of the service come; nowhere for kinds without any.
async fn front_door(service: &Service) -> Result<FrontDoor, StepError> {
    let kind = service.kind.manager;
    match kind.care() {
        Some(care) => Ok(FrontDoor::of(&service.context, care, kind.roles()).await?),
        None => Ok(FrontDoor::default()),
    }
}

/// Refuses a change after which visitors see a failure that they did not see before.
async fn expect_as_well(door: &FrontDoor, before: &Health) -> Result<(), StepError> {
    if *before != Health::Well {
        return Ok(());
    }
    match door.settle().await {
        Health::Well => Ok(()),
        Health::Failing(told) => Err(StepError::Gone(format!("{told}, so the service goes back to what it was"))),
    }
}
