//! Waiting for what a remote cloud does in its own time.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A pause is this part of what has been waited already: so little is waited in vain.
const PART: u32 = 10;

/// Asks, with growing pauses, until there is an answer; `None` after `limit`.
///
/// # Errors
/// What asking failed with, at once.
pub(crate) async fn until<T, E, F>(limit: Duration, ask: impl Fn() -> F) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        let pause = (began.elapsed() / PART).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        if began.elapsed() + pause > limit {
            return Ok(None);
        }
        // A little more or less each time, so that many nodes do not ask in step.
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.8..1.2))).await;
    }
}
