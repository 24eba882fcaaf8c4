//! The steps of the first boot. Each may be repeated and comes to the same end.
//!
//! A step takes the [`Machine`](machine::Machine) and ends with an [`Outcome`](outcome::Outcome); `sequence.rs` is the one
//! list of them. A step may use files of another, such as the account's, but never carries another step out.
//!
//! Must not know where settings came from.

pub(crate) mod account;
mod director;
pub(crate) mod machine;
mod names;
mod network;
mod outcome;
mod password;
pub(crate) mod script;
pub(crate) mod sequence;
mod ssh;
pub(crate) mod time;
mod welcome;
