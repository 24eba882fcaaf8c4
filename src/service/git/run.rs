//! Git at work in the repository, as the account that owns it: what somebody pushed is never read by root's git.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use nix::unistd::geteuid;

use super::place;
use crate::config::NodeBase;
use crate::sys::file;
use crate::sys::program::{self, ProgramError};

/// Bytes of a complaint that are read.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// Runs `git <words>` in the repository, and returns what it prints.
///
/// # Errors
/// It fails, or is not installed.
pub(crate) async fn git(base: &NodeBase, words: &[&str], limit: Duration) -> Result<String, ProgramError> {
    let (program, arguments) = command(base, words);
    program::run(&program, &arguments, limit).await
}

/// Runs `git <words>` in the repository, and writes what it prints to `output`.
///
/// # Errors
/// What it says on a failure, or why it cannot be run.
pub(crate) async fn git_into(base: &NodeBase, words: &[&str], output: File, limit: Duration) -> Result<(), String> {
    let (program, arguments) = command(base, words);
    let complaint = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let stderr = complaint.reopen().map_err(|error| error.to_string())?;
    match program::run_into(&program, &arguments, Path::new("/"), output, stderr, limit).await {
        Ok(()) => Ok(()),
        Err(ProgramError::Failed { .. }) => {
            let text = file::read_tail(complaint.path(), MAX_COMPLAINT_BYTES).unwrap_or_default();
            Err(format!("git {}: {}", words.join(" "), text.trim()))
        }
        Err(error) => Err(crate::sys::chain(&error)),
    }
}

/// Returns program and arguments. A manager that shares its machine has no account of its own for this.
fn command(base: &NodeBase, words: &[&str]) -> (String, Vec<OsString>) {
    let directory = format!("--git-dir={}", base.rooted(place::REPOSITORY).display());
    let has_account = base.root == Path::new("/")
        && geteuid().is_root()
        && matches!(nix::unistd::User::from_name(place::ACCOUNT), Ok(Some(_)));
    let mut all = match has_account {
        true => as_account(),
        false => vec!["git".to_owned()],
    };
    all.push(directory);
    all.extend(words.iter().map(|&word| word.to_owned()));
    let program = all.remove(0);
    (program, all.into_iter().map(OsString::from).collect())
}

/// Returns the words that run git as the account.
pub(super) fn as_account() -> Vec<String> {
    let account = place::ACCOUNT;
    let mut words = vec![
        "setpriv".to_owned(),
        format!("--reuid={account}"),
        format!("--regid={account}"),
        "--init-groups".to_owned(),
        "--".to_owned(),
        "env".to_owned(),
        "HOME=/home/git".to_owned(),
    ];
    words.extend(place::environment().map(|(name, value)| format!("{name}={value}")));
    words.push("git".to_owned());
    words
}
