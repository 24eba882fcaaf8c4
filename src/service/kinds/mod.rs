//! The kinds of service, one folder each.

pub(crate) mod generic;
pub(crate) mod helloworld;
pub(crate) mod java;
pub(crate) mod mysql;
pub(crate) mod php;
pub(crate) mod xtreemfs;
