//! Clouds whose nodes are on this machine, and what they share.

pub(crate) mod inventory;
pub mod lxc;
pub mod process;
