//! Where a node with shared storage keeps its files, and as whom its programs run.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::config::AgentConfig;
use crate::service::error::MethodError;
use crate::service::home::{self, Home};
use crate::sys::file::FileError;

/// The account of Debian's packages.
const ACCOUNT: &str = "mfs";

/// Where a node keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The node's address.
    pub my_ip: Ipv4Addr,
    /// Data, and the account that programs run as.
    pub home: Home,
    /// What the agent mounts to make volumes.
    pub admin: PathBuf,
    /// Below it each program has a directory of its own.
    pub daemons: PathBuf,
}

impl Place {
    pub(super) fn new(config: &AgentConfig) -> Self {
        let base = &config.base;
        Place {
            my_ip: base.my_ip,
            home: Home::of(base, "xtreemfs", ACCOUNT),
            admin: base.rooted(&base.var_run).join("xtreemfs/all"),
            daemons: base.rooted(&base.var_tmp).join("daemons"),
        }
    }

    /// Makes the directory of a node that never had one. Blocking.
    ///
    /// # Errors
    /// Returns an error if it cannot be made.
    pub(super) fn prepare(&self, directory: &Path) -> Result<(), MethodError> {
        self.home.give(directory)
    }

    /// Makes the directories of a server with data, where there are none. Blocking.
    ///
    /// # Errors
    /// Returns an error if the node's directory is not there, or they cannot be made.
    pub(super) fn prepare_server(&self, directory: &Path) -> Result<(), MethodError> {
        expect_there(directory)?;
        self.home.give(&state(directory))?;
        self.home.give(&chunks(directory))
    }

    /// Makes the directory of a copy of the metadata, where there is none. Blocking.
    ///
    /// # Errors
    /// As [`Place::prepare_server`].
    pub(super) fn prepare_logger(&self, directory: &Path) -> Result<(), MethodError> {
        expect_there(directory)?;
        self.home.give(&metadata(directory))
    }

    /// Lets a log be found where ConPaaS 2.0 has it. Blocking.
    ///
    /// # Errors
    /// Returns an error if the link cannot be made.
    pub(super) fn show_log(&self, log: &Path, daemon: &str) -> Result<(), FileError> {
        home::show_log(log, &self.daemons.join(daemon).join("stderr"))
    }
}

/// Where metadata is, or a copy of it: the copy becomes the metadata when this node takes over.
pub(super) fn metadata(directory: &Path) -> PathBuf {
    directory.join("metadata")
}

/// Where a server has its part of the data.
pub(super) fn chunks(directory: &Path) -> PathBuf {
    directory.join("chunks")
}

/// Where a server keeps what it is known by.
pub(super) fn state(directory: &Path) -> PathBuf {
    directory.join("server")
}

/// A volume that is missing is not begun anew on the node's own disk. Blocking.
///
/// # Errors
/// Returns an error that names what is missing.
pub(super) fn expect_there(directory: &Path) -> Result<(), MethodError> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(MethodError::refused(format!("{} is not there: its volume is not mounted", directory.display())))
}

#[cfg(test)]
impl Place {
    /// Returns the place of a node with this address, whose own disk is `own_disk`.
    pub(super) fn sample(my_ip: Ipv4Addr, own_disk: &Path) -> Self {
        Place {
            my_ip,
            home: Home::sample("xtreemfs", ACCOUNT, false, own_disk),
            admin: "/run/cpsagent/xtreemfs/all".into(),
            daemons: "/var/tmp/cpsagent/daemons".into(),
        }
    }
}
