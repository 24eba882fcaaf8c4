//! How often something may be tried: so many times at once, then so many
//! each minute. A try that did no harm is taken back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts tries by who makes them.
pub(crate) struct Attempts<K> {
    /// After which time one more is allowed.
    interval: Duration,
    burst: Duration,
    /// When all that were counted are forgotten.
    used_until: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> Attempts<K> {
    /// Nothing was tried yet; both numbers are at least 1.
    pub(crate) fn new(per_minute: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(60) / per_minute.max(1);
        Attempts { interval, burst: interval.saturating_mul(burst.max(1)), used_until: Mutex::default() }
    }

    /// Counts a try of `key` at `now`; `false` when it is one too many.
    pub(crate) fn count(&self, key: K, now: Instant) -> bool {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = used_until.get(&key).map_or(now, |until| now.max(*until)) + self.interval;
        if until.duration_since(now) > self.burst {
            return false;
        }
        used_until.insert(key, until);
        true
    }

    /// Returns how long `key` would have to be quiet at `now` to be as anyone new.
    pub(crate) fn debt(&self, key: &K, now: Instant) -> Duration {
        let used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        used_until.get(key).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Takes a counted try of `key` back.
    pub(crate) fn take_back(&self, key: &K) {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = used_until.get_mut(key) {
            *until = until.checked_sub(self.interval).unwrap_or(*until);
        }
    }

    /// Drops those who may try as often as anyone new.
    pub(crate) fn forget_quiet(&self, now: Instant) {
        self.used_until.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_then_one_in_each_interval() {
        let attempts = Attempts::new(6, 3);
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let outcomes = [0, 0, 0, 0, 9, 10, 11, 200, 200, 200, 200].map(|second| attempts.count("alice", at(second)));
        let wanted = [true, true, true, false, false, true, false, true, true, true, false];
        assert_eq!(outcomes, wanted);
        assert!(attempts.count("bob", at(0)), "others are not held up");
        assert_eq!(attempts.debt(&"alice", at(200)), Duration::from_secs(30));
        assert_eq!(attempts.debt(&"carol", at(200)), Duration::ZERO);
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let attempts = Attempts::new(1, 2);
        let now = Instant::now();
        for _ in 0..100 {
            assert!(attempts.count("alice", now));
            attempts.take_back(&"alice");
        }
        assert!(attempts.count("alice", now) && attempts.count("alice", now));
        assert!(!attempts.count("alice", now));
        attempts.take_back(&"nobody");
    }

    #[test]
    fn the_quiet_are_forgotten() {
        let attempts = Attempts::new(60, 1);
        let now = Instant::now();
        attempts.count("alice", now);
        attempts.forget_quiet(now);
        assert!(!attempts.count("alice", now), "not quiet yet");
        attempts.forget_quiet(now + Duration::from_secs(1));
        assert!(attempts.used_until.lock().unwrap().is_empty());
    }
}
