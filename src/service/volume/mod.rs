//! Volumes in a node: finding their device, formatting, mounting.

pub(crate) mod device;
pub mod mount;
