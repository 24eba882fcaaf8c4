//! File systems, partitions and disk images, made without loop mounts.
//!
//! `genimage.rs` puts a disk together, `convert.rs` writes its other forms. Times, serial numbers and identifiers follow from
//! the root's key, so that the same root makes the same disk.
//!
//! Must not know which steps made the root, and what is published.

pub(crate) mod convert;
pub(crate) mod ext4;
pub(crate) mod fat;
pub(crate) mod genimage;
pub(crate) mod grub;
pub(crate) mod ova;
