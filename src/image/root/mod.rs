//! Root file systems: the bootstrap, the steps that run in them, and what is taken out again.
//!
//! A root is made in stages, each kept as an archive under a key of its inputs; `stages.rs` is the way through them.
//!
//! Must not know disks, partitions (but for their identifiers, which steps ask for) and what is published.

pub(crate) mod apt_sources;
pub(crate) mod bootstrap;
pub(crate) mod directory;
pub(crate) mod emulation;
pub(crate) mod job;
pub(crate) mod overlay;
pub(crate) mod own_packages;
pub(crate) mod path_filter;
pub(crate) mod stages;
pub(crate) mod sysprep;
