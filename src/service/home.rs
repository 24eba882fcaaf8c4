//! Where the daemons of a service have their data in a node, and as whom they run.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use super::account;
use super::error::MethodError;
use crate::config::NodeBase;
use crate::sys::file::{self, FileError};

/// The data and the account of a service's daemons in a node.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The name of the account that programs run as.
    pub account: String,
    /// Whether programs have to be started as another account than this process.
    pub has_accounts: bool,
    /// The name of the directory with data on a volume.
    name: &'static str,
    /// Where data is if the node has no volume.
    own_disk: PathBuf,
    /// Where volumes are.
    media: PathBuf,
}

impl Home {
    /// Returns the home of daemons whose data is in a directory `name`, and for whom Debian's packages make `account`. In
    /// a node that shares its machine they run as this process does.
    pub(crate) fn of(base: &NodeBase, name: &'static str, account: &str) -> Self {
        let has_accounts = base.root == Path::new("/");
        let own = User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
        Home {
            account: own.filter(|_| !has_accounts).unwrap_or_else(|| account.to_owned()),
            has_accounts,
            name,
            own_disk: base.rooted(&base.var_cache).join(name),
            media: base.rooted("/media"),
        }
    }

    /// The account for a daemon; `None` if it is that of this process.
    pub(crate) fn user(&self) -> Option<String> {
        self.has_accounts.then(|| self.account.clone())
    }

    /// Returns where a new node has its data: on the first of `volumes`, or on the node's own disk.
    pub(crate) fn data_directory(&self, volumes: &[String]) -> PathBuf {
        match volumes.first() {
            Some(volume) => self.media.join(volume).join(self.name),
            None => {
                tracing::warn!(target: "conpaas.core.agent", "there is no volume: the data is on the node's own disk");
                self.own_disk.clone()
            }
        }
    }

    /// Makes a directory that belongs to the account. Blocking.
    ///
    /// # Errors
    /// Returns an error if it cannot be made, or the account is missing.
    pub(crate) fn give(&self, directory: &Path) -> Result<(), MethodError> {
        file::ensure_passable_directory(directory)?;
        self.own(directory)
    }

    /// Makes a file or a directory the account's own. Blocking.
    ///
    /// # Errors
    /// As [`Home::give`].
    pub(crate) fn own(&self, path: &Path) -> Result<(), MethodError> {
        let Some(account) = self.user() else { return Ok(()) };
        account::give(path, &account)
    }
}

/// Lets what a daemon says be found at `log`, where ConPaaS 2.0 has it. Blocking.
///
/// # Errors
/// Returns an error if the link cannot be made.
pub(crate) fn show_log(log: &Path, output: &Path) -> Result<(), FileError> {
    if let Some(directory) = log.parent() {
        file::ensure_passable_directory(directory)?;
    }
    if std::fs::read_link(log).is_ok_and(|found| found == output) {
        return Ok(());
    }
    file::ensure_absent(log)?;
    symlink(output, log).map_err(|error| FileError::new("link", log, error))
}

#[cfg(test)]
impl Home {
    /// Returns a home in a node of its own; its daemons run as this process unless `has_accounts`.
    pub(crate) fn sample(name: &'static str, account: &str, has_accounts: bool, own_disk: &Path) -> Self {
        let (account, own_disk, media) = (account.to_owned(), own_disk.to_owned(), "/media".into());
        Home { account, has_accounts, name, own_disk, media }
    }
}
