//! Why a daemon is not as wanted.

use std::path::PathBuf;
use std::time::Duration;

use super::name::DaemonName;
use crate::sys::file::FileError;
use crate::sys::program::ProgramError;

/// Why a daemon is not as wanted. Where the program said something, its last lines are repeated.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The program refuses the new configuration; the old one stays.
    #[error("'{name}' does not accept its new configuration")]
    Refused {
        /// Which one.
        name: DaemonName,
        /// What the check said.
        #[source]
        source: ProgramError,
    },
    /// It cannot be started at all.
    #[error("cannot start '{name}': {reason}: {said}")]
    NotStarted {
        /// Which one.
        name: DaemonName,
        /// Why.
        reason: String,
        /// What was said about it.
        said: String,
    },
    /// It ended instead of serving.
    #[error("'{name}' {ending}: {said}")]
    Ended {
        /// Which one.
        name: DaemonName,
        /// How, such as `ended with code 1`.
        ending: String,
        /// What it said at last.
        said: String,
    },
    /// It did not answer in time.
    #[error("'{name}' was not ready within {} s ({reason}): {said}", limit.as_secs_f32())]
    NotReady {
        /// Which one.
        name: DaemonName,
        /// The time it had.
        limit: Duration,
        /// What its probe saw at last.
        reason: String,
        /// What it said at last.
        said: String,
    },
    /// The command that makes it read its configuration failed.
    #[error("'{name}' does not read its new configuration")]
    NotReloaded {
        /// Which one.
        name: DaemonName,
        /// What the command said.
        #[source]
        source: ProgramError,
    },
    /// Some of its processes survive everything.
    #[error("processes of '{name}' do not end")]
    Left {
        /// Which one.
        name: DaemonName,
    },
    /// Another order came before it was ready.
    #[error("'{name}' was changed again before it was ready")]
    Superseded {
        /// Which one.
        name: DaemonName,
    },
    /// An account does not exist.
    #[error("'{name}' needs the account '{account}', which does not exist")]
    NoAccount {
        /// Which one.
        name: DaemonName,
        /// The account.
        account: String,
    },
    /// A configuration file would lie outside of its place.
    #[error("'{name}' has a configuration file outside of its directory: {}", path.display())]
    OutsidePath {
        /// Which one.
        name: DaemonName,
        /// The file.
        path: PathBuf,
    },
    /// A file.
    #[error("cannot keep the state of '{name}'")]
    File {
        /// Which one.
        name: DaemonName,
        /// Which file, and why.
        #[source]
        source: FileError,
    },
    /// The directory cannot be made or locked.
    #[error("cannot supervise in {}", directory.display())]
    Directory {
        /// Which one.
        directory: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The same name stands twice in what is wanted.
    #[error("'{name}' is wanted twice")]
    Twice {
        /// Which one.
        name: DaemonName,
    },
    /// The supervisor stops.
    #[error("nothing is done about '{name}': its supervisor stops")]
    Stopping {
        /// Which one.
        name: DaemonName,
    },
}
