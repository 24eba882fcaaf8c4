//! `adapt`: what a kind's own method has its nodes do.

use std::time::Duration;

use super::{Operation, StepError};
use crate::manager::core::Service;
use crate::model::State;
use crate::service::Work;

/// An agent waits half a minute for a device, and formats it.
pub(crate) const VOLUME_LIMIT: Duration = Duration::from_secs(180);

const DONE: u32 = 1;

impl Operation {
    pub(crate) async fn adapt(&mut self, work: &Work) -> Result<(), StepError> {
        let service = self.service().await?;
        if !self.has_done(DONE) {
            service.kind.manager.on_adapt(&service.context, work).await?;
            self.step_done(DONE, "agents_adapted", |_| Ok(())).await?;
        }
        self.finish(State::Running, "", None, |_| Ok(())).await
    }

    pub(crate) async fn undo_adapt(&mut self, work: &Work, failure: &str) -> Result<(), StepError> {
        if !self.is_superseded().await? {
            let service = self.service().await?;
            service.kind.manager.undo_adapt(&service.context, work).await;
        }
        self.finish(State::Running, failure, Some(failure.to_owned()), |_| Ok(())).await
    }

    pub(crate) async fn service(&self) -> Result<Service, StepError> {
        let found = self.manager.find_service(self.sid()).await?;
        found.ok_or_else(|| StepError::Gone("the service is gone".to_owned()))
    }
}
