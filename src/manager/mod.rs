//! The manager of one application: its services, their nodes and volumes.
//!
//! A request that changes nodes or volumes is checked, recorded as an
//! operation together with the service's new state in one transaction, and
//! answered; [`operation`] then does the work. What the manager knows lies in
//! one database, so that it can be killed at any moment: operations go on, or
//! are undone, when it starts again.
//!
//! Must not know: clouds (the director's), what a kind of service does with
//! its nodes (the kinds').

mod care;
mod core;
mod device;
mod director;
mod dispatch;
mod doors;
mod history;
mod link;
mod lost;
mod method;
mod operation;
mod push;
mod run;
mod storage;

pub(crate) use run::run;

#[cfg(test)]
mod tests;
