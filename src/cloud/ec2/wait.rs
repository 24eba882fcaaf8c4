//! Waiting for what EC2 does in its own time.

use std::time::Duration;

use tokio::time::Instant;

use super::query::QueryError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks, with growing pauses, until there is an answer; `None` after `limit`.
pub(super) async fn until<T, F>(limit: Duration, ask: impl Fn() -> F) -> Result<Option<T>, QueryError>
where
    F: Future<Output = Result<Option<T>, QueryError>>,
{
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        if Instant::now() + pause > deadline {
            return Ok(None);
        }
        // A little more or less each time, so that many nodes do not ask in step.
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.8..1.2))).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
