//! Tells the director what happened to the services, so that their owner hears of it without asking each manager.
//!
//! The director says from where to go on: nothing is told twice, and nothing is left out.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::core::Manager;
use super::director::DirectorError;
use crate::api::{MAX_TOLD_EVENTS, ToldEvent};
use crate::store::StoreError;
use crate::store::manager as store;
use crate::sys;

/// A look costs a read of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// After the director has not taken it.
const AGAIN: Duration = Duration::from_secs(10);
/// A director that does not know of events does so after its next update.
const UNKNOWN: Duration = Duration::from_secs(600);

/// Tells it whenever something happens, until `stop`.
pub(super) async fn tell(manager: Arc<Manager>, stop: CancellationToken) {
    let mut heard = None;
    loop {
        let pause = match tell_rest(&manager, &mut heard).await {
            Ok(()) => PAUSE,
            Err(TellError::Director(error)) => {
                tracing::debug!("the director does not hear of what happened: {}", sys::chain(&error));
                heard = None;
                if matches!(error, DirectorError::Refused { .. }) { UNKNOWN } else { AGAIN }
            }
            Err(TellError::Store(error)) => {
                tracing::warn!("what happened is not known: {}", sys::chain(&error));
                AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Director(#[from] DirectorError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells all that the director has not heard.
async fn tell_rest(manager: &Manager, heard: &mut Option<i64>) -> Result<(), TellError> {
    loop {
        let Some(after) = *heard else {
            *heard = Some(manager.director.tell_events(0, &[]).await?);
            continue;
        };
        let read = manager.store.read(move |tx| store::history_after(tx, after, MAX_TOLD_EVENTS));
        let entries: Vec<ToldEvent> = read.await?.into_iter().map(told).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let now_heard = manager.director.tell_events(after, &entries).await?;
        *heard = Some(now_heard);
        if now_heard == after {
            // It takes none of them: asked again at once, it would not either.
            return Ok(());
        }
    }
}

fn told((number, service_id, entry): store::NumberedHistory) -> ToldEvent {
    ToldEvent { number, service_id, time: entry.time, state: entry.state, reason: entry.reason }
}
