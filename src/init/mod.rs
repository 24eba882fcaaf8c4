//! `conpaas init`: the first process of a container.
//!
//! It mounts what is missing, sets the host name, brings up the loopback
//! interface, shows programs the node's limits, starts `conpaas manager` or
//! `conpaas agent` by the section of `/root/config.cfg`, starts it again when it
//! dies, reaps every orphan, and ends everything within half a second when it is
//! told to.
//!
//! One thread, no runtime, nothing kept: it lives in every node of a small
//! machine. It must not know the network protocol, certificates, the cloud. A
//! node that was not given `/root/config.cfg` has a remote cloud, and runs
//! [`join()`] first, which knows all of these and is a process of its own.

mod boot;
mod join;
mod limits;
mod role;
mod run;
mod supervise;

pub(crate) use join::{JOIN_LIMIT, JoinOptions, Source, Then, join};
pub use run::run;
