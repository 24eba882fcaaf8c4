//! Who shares a listener, and how much of it each may take: places, memory, disk and time.
//!
//! A stranger has no certificate, or has not shown it yet; strangers are told apart by where they come from.
//! Whoever has shown one is known by it. Strangers and known ones have places of their own. When places are
//! short, the party that holds most of them gives one up: so nobody waits for a place that a slow one holds.

mod activity;
mod budget;
mod origin;
mod party;
mod seats;

pub(super) use activity::{Activity, Patience, Watched};
pub(super) use budget::{Budget, Grant, Refusal};
pub(crate) use origin::Origin;
pub(crate) use origin::Origins;
pub(super) use party::Party;
pub(super) use seats::{Seat, Seats};
