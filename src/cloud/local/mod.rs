//! Clouds whose nodes are on this machine, and what they share.

pub(crate) mod inventory;
pub mod lxc;
pub(crate) mod process;
