//! What a manager and an agent share as programs: how they are started ([`start`]), who they are and
//! how that is renewed ([`credentials`]), how they log ([`log`]), how they answer ([`listener`]).
//!
//! Must not know: what a call does (the role's dispatch), kinds of service, operations.

mod credentials;
mod listener;
mod log;
mod start;

use std::net::Ipv4Addr;
use std::path::PathBuf;

pub use credentials::NodeCredentials;
pub(crate) use listener::{Dispatch, Port};
pub(crate) use log::{Level, LogWriter, install as install_log};
pub(crate) use start::{NodeError, check_clock, ensure_directories, run_until_stopped};

/// How a manager or an agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The configuration; by default [`crate::config::NODE_CONFIG_PATH`] under `root`.
    pub config: Option<PathBuf>,
    /// Where to listen; by default as configured.
    pub port: Option<u16>,
    /// Address to listen on; by default all.
    pub bind: Option<Ipv4Addr>,
    /// The directory that stands for `/`.
    pub root: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Options { config: None, port: None, bind: None, root: PathBuf::from("/") }
    }
}
