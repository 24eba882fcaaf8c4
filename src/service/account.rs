//! Accounts of a node that programs of services run as.

use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::User;

use super::error::MethodError;
use crate::sys::file::FileError;

/// Makes a file or a directory the account's own. Blocking.
///
/// # Errors
/// Returns an error if there is no such account, or no such file.
pub(crate) fn give(path: &Path, account: &str) -> Result<(), MethodError> {
    let user = User::from_name(account).ok().flatten();
    let user = user.ok_or_else(|| MethodError::refused(format!("this node has no account {account}")))?;
    let given = chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()));
    given.map_err(|error| FileError::new("give away", path, error).into())
}
