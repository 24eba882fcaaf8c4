//! The clock that is asked: the machine's own, or one that tests shift.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::time::{ClockId, Timespec, clock_settime};

/// Tells the time. Cheap to clone; clones of a shifted clock share their shift.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Microseconds that are added to the machine's time; `None` for the machine's own clock.
    shift: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// Returns the machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Clock { shift: None }
    }

    /// Returns a clock that differs from the machine's by `offset`, for tests.
    /// Setting it changes only this clock.
    #[must_use]
    pub fn with_offset(offset: TimeDelta) -> Self {
        Clock { shift: Some(Arc::new(AtomicI64::new(microseconds(offset)))) }
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.shift {
            None => Utc::now(),
            Some(shift) => Utc::now() + TimeDelta::microseconds(shift.load(Ordering::Relaxed)),
        }
    }

    /// Returns the time in whole seconds since 1970.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        self.now().timestamp()
    }

    /// Moves it by `offset` at once.
    ///
    /// # Errors
    /// The machine's clock may not be set by this process, or not to that time.
    pub fn step(&self, offset: TimeDelta) -> std::io::Result<()> {
        match &self.shift {
            Some(shift) => {
                shift.fetch_add(microseconds(offset), Ordering::Relaxed);
                Ok(())
            }
            None => {
                let target = (Utc::now() + offset).signed_duration_since(DateTime::UNIX_EPOCH);
                let seconds = target.to_std().map_err(|_| std::io::ErrorKind::InvalidInput)?;
                let time = Timespec::try_from(seconds).map_err(|_| std::io::ErrorKind::InvalidInput)?;
                Ok(clock_settime(ClockId::Realtime, time)?)
            }
        }
    }
}

fn microseconds(offset: TimeDelta) -> i64 {
    offset.num_microseconds().unwrap_or(if offset < TimeDelta::zero() { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_and_its_clones_move_together_and_the_machines_stays() {
        let clock = Clock::with_offset(TimeDelta::hours(-2));
        let clone = clock.clone();
        assert!((Clock::system().now() - clock.now() - TimeDelta::hours(2)).abs() < TimeDelta::minutes(1));
        clone.step(TimeDelta::hours(5)).unwrap();
        assert!((clock.now() - Clock::system().now() - TimeDelta::hours(3)).abs() < TimeDelta::minutes(1));
        assert!((clone.unix_seconds() - clock.unix_seconds()).abs() <= 60);
    }
}
