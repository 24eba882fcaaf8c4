//! Waiting for what somebody else does in his own time: asked again and again,
//! until there is an answer or the time is over.
//!
//! Must not know: what is asked, and what it means that there is no answer.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Between looks at something near.
const LOOK: Pace = Pace::growing(Duration::from_millis(2), Duration::from_millis(50), 1);

/// Between looks at what this process itself records, and says when it does: what nobody says is seen all the same.
pub(crate) const OWN_RECORDS: Pace = Pace::every(Duration::from_millis(100));

/// How long to wait between two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    first: Duration,
    longest: Duration,
    /// A pause is this part of what has been waited already: so little is waited in vain.
    part: u32,
    spread: Spread,
}

/// Whether many that wait for the same may ask in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    None,
    /// Each pause is a little shorter or longer than planned.
    Jitter,
}

impl Pace {
    /// The same pause each time.
    pub(crate) const fn every(pause: Duration) -> Pace {
        Pace { first: pause, longest: pause, part: 1, spread: Spread::None }
    }

    /// Pauses that grow with what has been waited: the `part`-th part of it, within bounds.
    pub(crate) const fn growing(first: Duration, longest: Duration, part: u32) -> Pace {
        Pace { first, longest, part, spread: Spread::None }
    }

    /// The same with jitter, where many ask one server.
    pub(crate) const fn with_jitter(self) -> Pace {
        Pace { spread: Spread::Jitter, ..self }
    }

    /// Returns the pause after having waited for `waited`, without jitter.
    pub(crate) fn pause_after(self, waited: Duration) -> Duration {
        (waited / self.part).clamp(self.first, self.longest)
    }
}

/// Asks at `pace` until there is an answer, at least once. Returns `None` when
/// the next question would come later than `limit` after the first.
///
/// # Errors
/// What asking failed with, at once.
pub(crate) async fn until<T, E, F>(pace: Pace, limit: Duration, ask: impl FnMut() -> F) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    until_told(pace, limit, &Notify::new(), ask).await
}

/// Does the same, and asks at once whenever `told` says so to those who wait.
///
/// # Errors
/// As [`until`].
pub(crate) async fn until_told<T, E, F>(
    pace: Pace,
    limit: Duration,
    told: &Notify,
    mut ask: impl FnMut() -> F,
) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let began = Instant::now();
    loop {
        // From here on nothing is missed, also what is said while it is asked.
        let notified = told.notified();
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        let pause = pace.pause_after(began.elapsed());
        if began.elapsed() + pause > limit {
            return Ok(None);
        }
        let factor = if pace.spread == Spread::Jitter { rand::random_range(0.8..1.2) } else { 1.0 };
        let _told_or_not = tokio::time::timeout(pause.mul_f64(factor), notified).await;
    }
}

/// Looks again and again until `condition` holds; returns whether it did within `limit`.
pub(crate) async fn holds_within(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() >= limit {
            return false;
        }
        tokio::time::sleep(LOOK.pause_after(began.elapsed())).await;
    }
    true
}

/// Looks every `pause` whether something is so, and returns whether it became
/// so within `limit`. Blocking.
pub(crate) fn blocking_until(pause: Duration, limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = std::time::Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if began.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_are_a_part_of_what_was_waited_within_bounds() {
        let pace = Pace::growing(Duration::from_millis(200), 5 * SECOND, 10);
        for (waited, pause_ms) in [(0, 200), (1, 200), (10, 1000), (50, 5000), (1000, 5000)] {
            assert_eq!(pace.pause_after(waited * SECOND).as_millis(), pause_ms, "{waited} s");
        }
        assert_eq!(Pace::every(SECOND).pause_after(Duration::ZERO), SECOND);
        assert_eq!(Pace::every(SECOND).pause_after(100 * SECOND), SECOND);
    }

    #[tokio::test]
    async fn it_is_asked_until_there_is_an_answer() {
        let mut n_asked = 0;
        let answer = until(Pace::every(Duration::ZERO), 60 * SECOND, || {
            n_asked += 1;
            std::future::ready(Ok::<_, String>((n_asked == 3).then_some("here")))
        });
        assert_eq!(answer.await, Ok(Some("here")));
        assert_eq!(n_asked, 3);
    }

    #[tokio::test]
    async fn a_question_that_would_come_too_late_is_not_waited_for() {
        let mut n_asked = 0;
        let began = Instant::now();
        let answer = until(Pace::every(3600 * SECOND).with_jitter(), 60 * SECOND, || {
            n_asked += 1;
            std::future::ready(Ok::<Option<()>, String>(None))
        });
        assert_eq!(answer.await, Ok(None));
        assert_eq!(n_asked, 1);
        assert!(began.elapsed() < 60 * SECOND, "it does not wait in vain");
    }

    #[tokio::test]
    async fn whoever_is_told_asks_at_once() {
        let (told, n_asked) = (Notify::new(), std::cell::Cell::new(0));
        let answer = until_told(Pace::every(3600 * SECOND), 7200 * SECOND, &told, || {
            n_asked.set(n_asked.get() + 1);
            // Said before the answer is there, it counts all the same.
            told.notify_waiters();
            std::future::ready(Ok::<_, String>((n_asked.get() == 3).then_some("here")))
        });
        assert_eq!(answer.await, Ok(Some("here")));
        assert_eq!(n_asked.get(), 3);
    }

    #[tokio::test]
    async fn the_limit_ends_a_waiting_whose_pauses_are_short() {
        let answer = until(Pace::every(Duration::ZERO), Duration::from_millis(1), || {
            std::future::ready(Ok::<Option<()>, String>(None))
        });
        assert_eq!(answer.await, Ok(None));
    }

    #[tokio::test]
    async fn an_error_ends_the_waiting_at_once() {
        let answer =
            until(Pace::every(Duration::ZERO), 60 * SECOND, || std::future::ready(Err::<Option<()>, _>("gone")));
        assert_eq!(answer.await, Err("gone"));
    }

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds_or_time_is_up() {
        let looks = std::cell::Cell::new(0);
        let third = || {
            looks.set(looks.get() + 1);
            looks.get() == 3
        };
        assert!(holds_within(60 * SECOND, third).await);
        assert_eq!(looks.get(), 3);
        assert!(!holds_within(Duration::from_millis(5), || false).await);
        assert!(holds_within(Duration::ZERO, || true).await);
    }

    #[test]
    fn what_never_becomes_so_is_looked_at_once_at_least() {
        let mut n_looks = 0;
        let mut look = |is_so| {
            n_looks += 1;
            is_so
        };
        assert!(!blocking_until(Duration::ZERO, Duration::ZERO, || look(false)));
        assert!(blocking_until(Duration::ZERO, Duration::ZERO, || look(true)));
        assert!(n_looks >= 2);
    }
}
