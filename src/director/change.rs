//! Answers that wait until the database says something new.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Failure;
use super::state::Director;
use crate::store::{Transaction, Version};

/// How often it is looked whether any row has changed.
const LOOK: Duration = Duration::from_millis(250);

/// What a look found.
pub(crate) struct Found<T> {
    pub(crate) value: T,
    /// Whether whoever waits wants to hear it at once.
    pub(crate) is_news: bool,
}

/// Looks again whenever a row has changed. Returns the first news; after `wait`, or when the director stops, whatever
/// is found last.
pub(crate) async fn until<T: Send + 'static>(
    director: &Director,
    wait: Duration,
    look: impl Fn(&Transaction<'_>) -> Result<Found<T>, Failure> + Clone + Send + 'static,
) -> Result<T, Failure> {
    let (end, stop) = (Instant::now() + wait, director.tasks.stopping());
    let read = |seen: Option<Version>| {
        let look = look.clone();
        director.store.read(move |tx| {
            let version = Version::of(tx)?;
            let found = if seen == Some(version) { None } else { Some(look(tx)?) };
            Ok::<_, Failure>((version, found))
        })
    };
    let (mut seen, Some(mut newest)) = read(None).await? else {
        return Err(Failure::Internal("a first look finds nothing".to_owned()));
    };
    while !newest.is_news && Instant::now() < end && !stop.is_cancelled() {
        tokio::time::sleep(LOOK).await;
        let (version, found) = read(Some(seen)).await?;
        seen = version;
        newest = found.unwrap_or(newest);
    }
    Ok(newest.value)
}
