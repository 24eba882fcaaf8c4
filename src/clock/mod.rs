//! Is the clock right?
//!
//! A Raspberry Pi has no clock of its own: after power-on it is 1970, or
//! the time of the last shutdown. TLS then fails in ways that nobody
//! understands. So every role and the command line ask here first:
//! [`enforce`], with a [`Clock`] that tests can shift.
//!
//! # Guarantees
//! - A time before the program was built is never believed, neither the
//!   machine's nor a server's.
//! - Without a server's answer, a time before the last recorded one is not believed.
//! - The clock is set only when the settings say so, and never backwards
//!   beyond the build time. [`restore()`] sets it forward only.
//! - A recorded time that lies absurdly far ahead is passed over.
//!
//! # Caveats
//! - A server's answer beats the recorded time: a clock that once ran ahead
//!   must not stay refused for ever.
//!
//! Must not know: TLS, roles, where settings come from.

mod boot;
mod check;
mod chrony;
mod floor;
mod restore;
mod sntp;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::time::{ClockId, Timespec, clock_settime};

pub(crate) use boot::since_boot;
pub(crate) use check::{ClockSettings, check, enforce, expect_plausible};
pub(crate) use chrony::{TimeServerError, chrony_conf};
pub use floor::build_time;
pub(crate) use floor::{RECORD_INTERVAL, ceiling, record, record_beyond, recorded_time};
pub(crate) use restore::{Memory, RECORD_NAME, restore};
pub(crate) use verdict::{ClockError, ClockVerdict, Floor, Unchecked};

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

    /// What it says.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.shift {
            None => Utc::now(),
            Some(shift) => Utc::now() + TimeDelta::microseconds(shift.load(Ordering::Relaxed)),
        }
    }

    /// What it says, in whole seconds since 1970.
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
mod chronyd_tests;
