//! What every process of this program that stays has in common: its runtime,
//! its log, what it tells the service manager, its stop and its exit code.
//!
//! A role's `run.rs` is the list of its parts; it gives [`run()`] the way to
//! start them. Commands that do one thing and end use [`complete`].
//!
//! Must not know: which roles there are, what they serve.

pub(crate) mod log;
mod log_limits;
pub(crate) mod notify;
mod run;
mod runtime;

pub(crate) use log_limits::{Colours, LogRate, bounded_line};
pub(crate) use run::{Process, run};
pub(crate) use runtime::{Threads, Thrift, complete};
