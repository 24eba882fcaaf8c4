//! The commands of each kind of service, one file a kind.

pub(crate) mod generic;
pub(crate) mod helloworld;
