//! By which provider users log in, as the director said of late.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::certificate::Trust;
use crate::client::session::Session;

/// The director's answer changes with its configuration.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// What users call the provider, if there is one.
#[derive(Default)]
pub(super) struct KnownProvider(Mutex<Option<(Instant, Option<String>)>>);

impl KnownProvider {
    /// Returns what users call the provider, if the director knows one. A director that is away has none.
    pub(super) async fn name(&self, session: &Session, trust: &Trust) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, name)) = known.filter(|(since, _)| since.elapsed() < KNOWN_FOR) {
            return name;
        }
        match session.external_provider(trust).await {
            Ok(name) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), name.clone()));
                name
            }
            Err(failure) => {
                tracing::warn!(error = failure.text, "cannot learn by which provider users log in");
                None
            }
        }
    }
}
