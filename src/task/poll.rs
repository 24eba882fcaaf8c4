//! Waiting for what others do in their own time: a remote cloud, a process.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Pauses between looks at something near.
const SHORTEST_LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(50);
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

/// Looks again and again until `condition` holds; returns whether it did within `limit`.
pub(crate) async fn holds_within(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    let mut pause = SHORTEST_LOOK;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds_or_time_is_up() {
        let looks = Cell::new(0);
        let third = || {
            looks.set(looks.get() + 1);
            looks.get() == 3
        };
        assert!(holds_within(Duration::from_secs(60), third).await);
        assert_eq!(looks.get(), 3);
        assert!(!holds_within(Duration::from_millis(5), || false).await);
        assert!(holds_within(Duration::ZERO, || true).await);
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_until_it_is_there_or_time_is_up() {
        let looks = Cell::new(0);
        let ask = || async {
            looks.set(looks.get() + 1);
            Ok::<_, ()>((looks.get() == 2).then_some("yes"))
        };
        assert_eq!(until(Duration::from_secs(60), ask).await, Ok(Some("yes")));
        assert_eq!(until(Duration::ZERO, || async { Ok::<Option<()>, ()>(None) }).await, Ok(None));
        assert_eq!(until(Duration::from_secs(60), || async { Err::<Option<()>, _>("no") }).await, Err("no"));
    }
}
