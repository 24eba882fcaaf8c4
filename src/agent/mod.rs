//! The agent of one node: answers its manager and the director, and lets the
//! kind of its service work.
//!
//! Must not know: what other nodes there are, beyond what its manager tells it.

mod dispatch;
mod exec;
mod meter;
mod mounts;
mod run;
mod startup;

pub(crate) use run::run;

#[cfg(test)]
mod tests;
