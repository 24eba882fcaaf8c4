//! `conpaas join`: a node of a remote cloud finds out what it is.
//!
//! A cloud of the director's own machine places a node's files before it
//! starts; then there is nothing to do here. Any other cloud passes an
//! [`Invitation`](crate::config::Invitation) on as user-data. It is looked for on a config drive, on a
//! NoCloud drive or directory, and at the metadata service, whichever is
//! there. Then the node makes a key of its own, has it signed by the director
//! with the invitation's token, and writes its files.
//!
//! A process of its own, that ends before the manager or the agent starts (or
//! becomes it): run by the first process of a container, or by a unit of a
//! virtual machine.
//!
//! # Guarantees
//! - It may be killed or lose its power anywhere, and be started again: the
//!   key is kept from before the first request until all files are there, and
//!   `/root/config.cfg`, which is written last, says that they are.
//! - The token is in no log and no list of processes.

mod drive;
mod error;
mod exchange;
mod files;
mod found;
mod metadata;
mod options;
mod place;
mod progress;
mod run;
mod source;

pub(crate) use options::{JOIN_LIMIT, JoinOptions, Source, Then};
pub(crate) use run::join;
