//! Clouds whose nodes are on this machine, and what they share: records of
//! what there is, locks, and the rules for addresses and volumes.

mod attach;
pub(crate) mod ids;
pub(crate) mod inventory;
pub mod lxc;
pub(crate) mod process;
mod reach;
mod state;
