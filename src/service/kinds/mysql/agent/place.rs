//! Where a node of a mysql service keeps its files, and as whom its programs run.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::config::AgentConfig;
use crate::service::error::MethodError;
use crate::service::home::{self, Home};
use crate::sys::file::FileError;

/// The account of Debian's package.
const ACCOUNT: &str = "mysql";

/// Where a node keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Sockets, numbers of processes, positions.
    pub run: PathBuf,
    /// The node's address.
    pub my_ip: Ipv4Addr,
    /// Data, and the account that programs run as.
    pub home: Home,
    /// Where the node's certificate is.
    pub certificates: PathBuf,
}

impl Place {
    pub(super) fn new(config: &AgentConfig) -> Self {
        let base = &config.base;
        Place {
            run: base.rooted(&base.var_run).join("mysql"),
            my_ip: base.my_ip,
            home: Home::of(base, "mysql", ACCOUNT),
            certificates: base.rooted(&base.cert_dir),
        }
    }

    /// Where the member answers statements of this node.
    pub(super) fn socket(&self) -> PathBuf {
        self.run.join("mysqld.sock")
    }

    /// Where the program that starts the member notes how far its data is, and whether it begins the cluster.
    pub(super) fn position(&self) -> PathBuf {
        self.run.join("position")
    }

    /// Makes the directories that programs write to, as their account. Blocking.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be made, or the account is missing.
    pub(super) fn prepare(&self) -> Result<(), MethodError> {
        self.home.give(&self.run)
    }

    /// Returns a fixed script as the account runs it, with values that it takes as they are.
    pub(super) fn shell(&self, script: &str, values: &[&str]) -> Vec<String> {
        let account = self.home.user().map(|account| {
            [format!("--reuid={account}"), format!("--regid={account}"), "--init-groups".to_owned(), "--".to_owned()]
        });
        let changed = account.map(|words| std::iter::once("setpriv".to_owned()).chain(words)).into_iter().flatten();
        let bash = ["bash", "-o", "pipefail", "-c", script, "backup"].map(str::to_owned);
        changed.chain(bash).chain(values.iter().map(|value| (*value).to_owned())).collect()
    }

    /// Lets the log be found where ConPaaS 2.0 has it. Blocking.
    ///
    /// # Errors
    /// Returns an error if the link cannot be made.
    pub(super) fn show_log(config: &AgentConfig, output: &Path) -> Result<(), FileError> {
        let base = &config.base;
        home::show_log(&base.rooted(&base.var_cache).join("mysql.log"), output)
    }
}

#[cfg(test)]
impl Place {
    /// Returns the place of a node with this address.
    pub(super) fn sample(my_ip: Ipv4Addr) -> Self {
        Place {
            run: "/run/cpsagent/mysql".into(),
            my_ip,
            home: Home::sample("mysql", ACCOUNT, true, Path::new("/var/cache/cpsagent/mysql")),
            certificates: "/etc/cpsagent/certs".into(),
        }
    }
}
