//! Whether the bytes of a request and its answer still move.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest time without a byte while a file is on its way. The kernel may hold megabytes that were sent
/// and have not left yet, so this is longer than what the receiving side bears.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// On the average; a file that comes slower is as good as none.
const SLOWEST_BYTES_PER_SECOND: u64 = 1000;

/// How far a request and its answer have come. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

impl Progress {
    /// Nothing has moved yet.
    pub(super) fn new() -> Self {
        Progress(Arc::new(Mutex::new(State::new(Instant::now()))))
    }

    /// A body of `n_bytes` is to be sent; the returned value hears of its pieces.
    pub(super) fn sending(&self, n_bytes: u64) -> Progress {
        self.with(|state| state.begin(n_bytes, Instant::now()));
        self.clone()
    }

    /// A file is to be received; the returned value hears of its pieces.
    pub(super) fn receiving(&self) -> Progress {
        self.with(|state| state.begin(NO_KNOWN_END, Instant::now()));
        self.clone()
    }

    /// Bytes have moved.
    pub(super) fn moved(&self, n_bytes: u64) {
        self.with(|state| state.moved(n_bytes, Instant::now()));
    }

    /// Waits until nothing has moved for too long: for a pause while a body is on its way, else for `timeout`;
    /// or until all of it took longer than so many bytes may.
    pub(super) async fn stalled(&self, timeout: Duration) {
        loop {
            let deadline = self.with(|state| state.deadline(timeout));
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const NO_KNOWN_END: u64 = u64::MAX;

struct State {
    began: Instant,
    last: Instant,
    n_moved: u64,
    /// Bytes that are still to come of the body that is on its way.
    n_left: u64,
}

impl State {
    fn new(now: Instant) -> Self {
        State { began: now, last: now, n_moved: 0, n_left: 0 }
    }

    fn begin(&mut self, n_left: u64, now: Instant) {
        self.last = now;
        self.n_left = n_left;
    }

    fn moved(&mut self, n_bytes: u64, now: Instant) {
        self.last = now;
        self.n_moved += n_bytes;
        if self.n_left != NO_KNOWN_END {
            self.n_left = self.n_left.saturating_sub(n_bytes);
        }
    }

    fn deadline(&self, timeout: Duration) -> Instant {
        let pause = if self.n_left > 0 { timeout.min(LONGEST_PAUSE) } else { timeout };
        let slowest = Duration::from_secs(self.n_moved / SLOWEST_BYTES_PER_SECOND);
        // Connecting, sending and answering may each take their time.
        (self.last + pause).min(self.began + timeout * 3 + slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn an_answer_has_its_time_from_the_last_byte_of_the_request() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(start);
        assert_eq!(state.deadline(LIMIT), at(10));
        state.begin(20_000, at(1));
        state.moved(10_000, at(9));
        state.moved(10_000, at(18));
        assert_eq!(state.deadline(LIMIT), at(28));
    }

    #[test]
    fn a_file_may_take_long_as_long_as_its_bytes_move() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut steady = State::new(start);
        steady.begin(NO_KNOWN_END, start);
        for second in (9..1000).step_by(9) {
            steady.moved(10_000, at(second));
            assert!(steady.deadline(LIMIT) > at(second + 9), "cut after {second} s");
        }
        let mut dribble = State::new(start);
        dribble.begin(NO_KNOWN_END, start);
        (1..30).for_each(|second| dribble.moved(1, at(second)));
        assert_eq!(dribble.deadline(LIMIT), at(30), "a byte now and then is no file");
        let mut paused = State::new(start);
        paused.begin(1_000_000, start);
        assert_eq!(paused.deadline(Duration::from_secs(1800)), start + LONGEST_PAUSE);
    }
}
