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
//! - Without a server's answer, a time before the last one that a server confirmed is not believed.
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
mod source;
mod verdict;

pub(crate) use boot::since_boot;
pub(crate) use check::{ClockSettings, check, enforce, expect_plausible};
pub(crate) use chrony::{TimeServerError, chrony_conf};
pub use floor::build_time;
pub(crate) use floor::{RECORD_INTERVAL, ceiling, record, record_beyond};
pub(crate) use restore::{Memory, RECORD_NAME, restore};
pub use source::Clock;
pub(crate) use verdict::{ClockError, ClockVerdict};

#[cfg(test)]
mod chronyd_tests;
