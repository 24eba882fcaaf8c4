//! `adapt`: the code or the settings of a working service change.

use super::apply::{Target, go_back};
use super::step::{Operation, StepError};
use super::task::Ending;
use crate::node::Level;
use crate::service::Change;

const DONE: u32 = 1;

impl Operation {
    pub(super) async fn adapt(&mut self, change: Change) -> Result<(), StepError> {
        let service = self.service().await?;
        if !self.has_done(DONE) {
            let nodes = service.context.nodes().await?;
            let target = Target::of(&service, &nodes, Some(&change)).await?;
            target.apply(&service, &nodes).await?;
            self.settle(&service, &nodes, &nodes).await?;
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
