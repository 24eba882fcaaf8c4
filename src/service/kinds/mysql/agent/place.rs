//! Where a node of a mysql service keeps its files, and as whom its programs run.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use crate::config::AgentConfig;
use crate::service::account;
use crate::service::error::MethodError;
use crate::sys::file::{self, FileError};

/// The account of Debian's package.
const ACCOUNT: &str = "mysql";

/// Where a node keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Sockets, numbers of processes, positions.
    pub run: PathBuf,
    /// The node's address.
    pub my_ip: Ipv4Addr,
    /// The name of the account that programs run as.
    pub account: String,
    /// Whether programs have to be started as another account than this process.
    pub has_accounts: bool,
    /// Where the node's certificate is.
    pub certificates: PathBuf,
    /// Where data is if the node has no volume.
    own_disk: PathBuf,
    /// Where volumes are.
    media: PathBuf,
}

impl Place {
    pub(super) fn new(config: &AgentConfig) -> Self {
        let base = &config.base;
        let has_accounts = base.root == Path::new("/");
        let own = User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
        Place {
            run: base.rooted(&base.var_run).join("mysql"),
            my_ip: base.my_ip,
            account: if has_accounts { ACCOUNT.to_owned() } else { own.unwrap_or_else(|| ACCOUNT.to_owned()) },
            has_accounts,
            certificates: base.rooted(&base.cert_dir),
            own_disk: base.rooted(&base.var_cache).join("mysql"),
            media: base.rooted("/media"),
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

    /// The account for a daemon; `None` if it is that of this process.
    pub(super) fn user(&self) -> Option<String> {
        self.has_accounts.then(|| self.account.clone())
    }

    /// Returns where a new member has its data: on the first of `volumes`, or on the node's own disk.
    pub(super) fn data_directory(&self, volumes: &[String]) -> PathBuf {
        match volumes.first() {
            Some(volume) => self.media.join(volume).join("mysql"),
            None => {
                tracing::warn!(target: "conpaas.core.agent", "there is no volume: the data is on the node's own disk");
                self.own_disk.clone()
            }
        }
    }

    /// Makes the directories that programs write to, as their account. Blocking.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be made, or the account is missing.
    pub(super) fn prepare(&self) -> Result<(), MethodError> {
        self.give(&self.run)
    }

    /// Makes a directory that belongs to the account. Blocking.
    ///
    /// # Errors
    /// As [`Place::prepare`].
    pub(super) fn give(&self, directory: &Path) -> Result<(), MethodError> {
        file::ensure_passable_directory(directory)?;
        self.own(directory)
    }

    /// Makes a file or a directory the account's own. Blocking.
    ///
    /// # Errors
    /// As [`Place::prepare`].
    pub(super) fn own(&self, path: &Path) -> Result<(), MethodError> {
        let Some(account) = self.user() else { return Ok(()) };
        account::give(path, &account)
    }

    /// Returns a fixed script as the account runs it, with values that it takes as they are.
    pub(super) fn shell(&self, script: &str, values: &[&str]) -> Vec<String> {
        let account = self.user().map(|account| {
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
        let directory = base.rooted(&base.var_cache);
        file::ensure_passable_directory(&directory)?;
        let link = directory.join("mysql.log");
        if std::fs::read_link(&link).is_ok_and(|found| found == output) {
            return Ok(());
        }
        file::ensure_absent(&link)?;
        symlink(output, &link).map_err(|error| FileError::new("link", &link, error))
    }
}

#[cfg(test)]
impl Place {
    /// Returns the place of a node with this address.
    pub(super) fn sample(my_ip: Ipv4Addr) -> Self {
        Place {
            run: "/run/cpsagent/mysql".into(),
            my_ip,
            account: ACCOUNT.to_owned(),
            has_accounts: true,
            certificates: "/etc/cpsagent/certs".into(),
            own_disk: "/var/cache/cpsagent/mysql".into(),
            media: "/media".into(),
        }
    }
}
