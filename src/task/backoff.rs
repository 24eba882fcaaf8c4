//! How long to wait before a program that ended is started again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The pauses between two starts. They grow without chance, so that a log can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// The first pause; each one after it is twice as long.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// A program that served this long was well, and its pauses begin again.
    pub well_after: Duration,
}

impl Default for Pauses {
    /// From 0.2 s to 30 s; a minute is health.
    fn default() -> Self {
        Pauses {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
            well_after: Duration::from_secs(60),
        }
    }
}

/// Where a program stands in its pauses.
#[derive(Debug)]
pub(crate) struct BackOff {
    pauses: Pauses,
    next: Duration,
    n_failures: u32,
}

impl BackOff {
    /// Begins with the usual pauses.
    pub(crate) fn new() -> Self {
        BackOff::with(Pauses::default())
    }

    /// Begins with these pauses.
    pub(crate) fn with(pauses: Pauses) -> Self {
        BackOff { pauses, next: pauses.first, n_failures: 0 }
    }

    /// Returns the wait after a program that served for `lifetime`.
    pub(crate) fn after(&mut self, lifetime: Duration) -> Duration {
        if lifetime >= self.pauses.well_after {
            *self = BackOff::with(self.pauses);
        }
        let wait = self.next.min(self.pauses.longest);
        self.next = wait.saturating_mul(2);
        self.n_failures = self.n_failures.saturating_add(1);
        wait
    }

    /// Returns how many times it ended since it was last well.
    pub(crate) fn n_failures(&self) -> u32 {
        self.n_failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_health_resets_them() {
        let mut back_off = BackOff::new();
        let waits: Vec<u128> = (0..10).map(|_| back_off.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(back_off.n_failures(), 10);
        assert_eq!(back_off.after(Pauses::default().well_after), Pauses::default().first);
        assert_eq!(back_off.n_failures(), 1);
    }

    #[test]
    fn no_pause_is_longer_than_the_longest_even_the_first() {
        let pauses = Pauses { first: Duration::MAX, longest: Duration::from_secs(1), ..Pauses::default() };
        let mut back_off = BackOff::with(pauses);
        assert_eq!([back_off.after(Duration::ZERO), back_off.after(Duration::ZERO)], [Duration::from_secs(1); 2]);
    }
}
