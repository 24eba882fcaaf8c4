//! Calls of the manager of a manifest's application, and waiting for what they begin.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::run::Job;
use crate::api::manager::ServiceInfo;
use crate::api::{Accepted, OperationStatus, OperationView, WAIT_FOR};
use crate::director::error::Failure;
use crate::director::manager_calls;
use crate::model::State;
use crate::rpc::RpcCall;
use crate::task::poll::{self, Pace};

/// An archive on its way to a Pi, a large dump.
const CALL_LIMIT: Duration = Duration::from_secs(1700);
/// A manager that was killed with the director is started again by its node.
const REACH_LIMIT: Duration = Duration::from_secs(180);
/// New members of a database get all data first.
const SERVICE_LIMIT: Duration = Duration::from_secs(6 * 3600);
/// How many seconds a manager waits with its answer for an end.
const PATIENCE: u64 = 10;
const PACE: Pace = Pace::growing(Duration::from_millis(50), Duration::from_secs(2), 8);

impl Job {
    /// Calls the manager, or one of its services.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: &RpcCall) -> Result<T, Failure> {
        let aid = self.row.aid;
        let (_, node) = manager_calls::find(&self.director, self.row.uid, aid, &aid.to_string()).await?;
        manager_calls::call_within(CALL_LIMIT, &self.director, &node, call).await
    }

    /// Does the same with a call that has nothing to say.
    pub(super) async fn order(&self, call: &RpcCall) -> Result<(), Failure> {
        self.call::<IgnoredAny>(call).await.map(drop)
    }

    /// Waits until the manager answers.
    pub(super) async fn reach_manager(&self) -> Result<(), Failure> {
        let look = async || {
            let answer: Result<IgnoredAny, Failure> = self.call(&RpcCall::get(0, "check_process")).await;
            Ok::<_, Failure>(answer.ok().map(drop))
        };
        let reached = poll::until(PACE, REACH_LIMIT, look).await?;
        reached.ok_or_else(|| Failure::application("the manager of the application does not answer"))
    }

    /// Has an operation begin, and waits until the service rests again.
    ///
    /// # Errors
    /// Returns an error with the manager's reason if the operation was undone.
    pub(super) async fn change(&self, sid: i64, call: &RpcCall) -> Result<(), Failure> {
        let answer: Value = self.call(call).await?;
        let accepted: Accepted = serde_json::from_value(answer).unwrap_or_default();
        let Some(id) = accepted.operation_id else { return self.rested(sid).await.map(drop) };
        let look = async || {
            let call = RpcCall::get(0, "get_operation").param("operation_id", id.as_str());
            let view: OperationView = self.call(&call.param(WAIT_FOR, PATIENCE)).await?;
            match view.status {
                OperationStatus::Running => Ok(None),
                OperationStatus::Done => Ok(Some(())),
                OperationStatus::Failed => Err(Failure::Application(view.reason.unwrap_or_default())),
            }
        };
        let ended = poll::until(PACE, SERVICE_LIMIT, look).await?;
        ended.ok_or_else(|| Failure::application("it does not come to rest"))
    }

    /// Waits until no operation changes the service, and returns what it is then.
    pub(super) async fn rested(&self, sid: i64) -> Result<ServiceInfo, Failure> {
        let look = async || {
            let info: ServiceInfo = self.call(&RpcCall::get(sid, "get_service_info")).await?;
            let is_at_rest = matches!(info.state, State::Init | State::Stopped | State::Running | State::Error);
            Ok::<_, Failure>(Some(info).filter(|_| is_at_rest))
        };
        let rested = poll::until(PACE, SERVICE_LIMIT, look).await?;
        rested.ok_or_else(|| Failure::application("it does not come to rest"))
    }
}
