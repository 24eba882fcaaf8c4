//! File systems, partitions and disk images, made without loop mounts.

pub(crate) mod convert;
pub(crate) mod ext4;
pub(crate) mod fat;
pub(crate) mod genimage;
pub(crate) mod grub;
pub(crate) mod ova;
