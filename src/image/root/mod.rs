//! Root file systems: the bootstrap, the steps that run in them, and what is taken out again.

pub(crate) mod apt_sources;
pub(crate) mod bootstrap;
pub(crate) mod directory;
pub(crate) mod emulation;
pub(crate) mod job;
pub(crate) mod overlay;
pub(crate) mod own_packages;
pub(crate) mod stages;
pub(crate) mod sysprep;
