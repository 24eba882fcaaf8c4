//! Volumes in a node: finding their device, formatting, mounting, and the methods of an agent for it.

pub(crate) mod device;
mod methods;
pub mod mount;

pub(crate) use methods::{mount_volume, unmount_volume};
