//! What the director's last look at itself found. It is shown for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::CheckView;

const FRESH_FOR: Duration = Duration::from_secs(15);

/// What the last look found.
#[derive(Default)]
pub(crate) struct LastLook(Mutex<Option<(Instant, CheckView)>>);

impl LastLook {
    /// Returns what it found, unless that is too long ago.
    pub(super) fn fresh(&self) -> Option<CheckView> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|(since, _)| since.elapsed() < FRESH_FOR).map(|(_, view)| view)
    }

    /// Keeps what a look found.
    pub(super) fn keep(&self, view: CheckView) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), view));
    }
}
