//! The pause of an open page: it ends with news.
//!
//! Director and manager are asked in a way that waits, so that a change is on the page within a moment. One of before,
//! which knows nothing of that, answers at once: then the pause is a pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::visit::Visit;
use crate::client::lookup::FoundService;

/// An answer that waits may come so late.
const GRACE: Duration = Duration::from_secs(5);

/// What a page was made of last.
pub(super) struct News {
    /// The service that the page is about, if it is about one.
    service: Option<FoundService>,
    applications: Mutex<String>,
    n_states: Mutex<usize>,
}

impl News {
    /// Returns the news of a visitor, or of the service that the path of his page names.
    pub(super) fn of(visit: &Visit) -> Self {
        let service = visit.argument(0).parse().ok().zip(visit.argument(1).parse().ok());
        let service = service.map(|(application, service)| FoundService { application, service });
        News { service, applications: Mutex::default(), n_states: Mutex::default() }
    }

    /// Waits for `pause`, or until there is news before.
    pub(super) async fn wait(&self, visit: &Visit, pause: Duration) {
        let end = Instant::now() + pause;
        // Those who wait hold connections of the director, which others need, too.
        let right = visit.site.waiting.try_acquire();
        if right.is_ok() {
            // An answer that is cut off costs a connection: it comes when the pause is over.
            let asked = tokio::time::timeout_at(end + GRACE, self.ask(visit, pause.as_secs()));
            if let Ok(Some(true)) = asked.await {
                return;
            }
        }
        drop(right);
        tokio::time::sleep_until(end).await;
    }

    /// Returns whether there is news; `None` if nobody says.
    async fn ask(&self, visit: &Visit, seconds: u64) -> Option<bool> {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        if let Some(found) = &self.service {
            let known = *self.n_states.lock().unwrap_or_else(PoisonError::into_inner);
            let n_states = visit.client.service_history_beyond(found, known, seconds).await.ok()?.len();
            *self.n_states.lock().unwrap_or_else(PoisonError::into_inner) = n_states;
            // The first answer says how things are: the page shows that already.
            return Some(known != 0 && n_states != known);
        }
        let known = self.applications.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (_, mark) = visit.client.applications_unlike(&known, seconds).await.ok()?;
        let is_news = !known.is_empty() && mark != known;
        *self.applications.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        Some(is_news)
    }
}
