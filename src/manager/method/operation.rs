//! What became of an operation.

use std::sync::Arc;

use crate::api::{OperationStatus, OperationView, WAIT_FOR, texts, wait_for};
use crate::manager::core::Manager;
use crate::service::{Call, MethodError, Reply};
use crate::store::manager::{self as store, Outcome};
use crate::task::poll;

/// Answers how far an operation is, for whoever waits for its end; at once, or after `wait_for` seconds if it goes on.
pub(crate) async fn get_operation(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let id = call.params.string("operation_id")?;
    let wait = wait_for(call.params.integer_or(WAIT_FOR, 0)?);
    call.finish()?;
    let look = || async {
        let wanted = id.clone();
        match manager.store.read(move |tx| store::find_outcome(tx, &wanted)).await? {
            Some(Outcome::UnderWay) => Ok(None),
            Some(Outcome::Done) => Ok(Some((OperationStatus::Done, None))),
            Some(Outcome::Failed(reason)) => Ok(Some((OperationStatus::Failed, Some(reason)))),
            None => Err(MethodError::refused(texts::unknown_operation(&id))),
        }
    };
    let ended = poll::until_told(poll::OWN_RECORDS, wait, &manager.operation_ended, look).await?;
    let (status, reason) = ended.unwrap_or((OperationStatus::Running, None));
    Ok(Reply::of(&OperationView { operation_id: id, status, reason, progress: None }))
}
