//! How long to wait before a role that died is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A role that lived this long was well.
const WELL: Duration = Duration::from_secs(60);

/// Doubles from 0.2 s to 30 s; begins again after a minute of health.
pub(crate) struct BackOff {
    next: Duration,
}

impl BackOff {
    pub(crate) fn new() -> Self {
        BackOff { next: FIRST }
    }

    /// The wait after a role that lived for `lifetime`.
    pub(crate) fn after(&mut self, lifetime: Duration) -> Duration {
        if lifetime >= WELL {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
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
        assert_eq!(back_off.after(WELL), FIRST);
    }
}
