//! What became of an operation.

use std::sync::Arc;

use crate::api::{OperationStatus, OperationView, texts};
use crate::manager::core::Manager;
use crate::service::{Call, MethodError, Reply};
use crate::store::manager::{self as store, Outcome};

/// Answers how far an operation is, for whoever waits for its end.
pub(crate) async fn get_operation(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let id = call.params.string("operation_id")?;
    call.finish()?;
    let wanted = id.clone();
    let outcome = manager.store.read(move |tx| store::find_outcome(tx, &wanted)).await?;
    let (status, reason) = match outcome {
        Some(Outcome::UnderWay) => (OperationStatus::Running, None),
        Some(Outcome::Done) => (OperationStatus::Done, None),
        Some(Outcome::Failed(reason)) => (OperationStatus::Failed, Some(reason)),
        None => return Err(MethodError::refused(texts::unknown_operation(&id))),
    };
    Ok(Reply::of(&OperationView { operation_id: id, status, reason }))
}
