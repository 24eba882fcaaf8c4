//! Why a part of the first boot failed.
//!
//! Lies below all steps. An error never ends the first boot: the step is tried again at the next boot.

use std::path::PathBuf;

use crate::sys::file::FileError;
use crate::sys::program::ProgramError;

/// The reason why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstBootError {
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The account that was made is not in the list of accounts.
    #[error("there is no account '{0}' in /etc/passwd")]
    NoAccount(String),
    /// A time server that chrony would not take.
    #[error(transparent)]
    TimeServer(#[from] crate::clock::TimeServerError),
    /// The authority's certificate cannot be read.
    #[error(transparent)]
    Credentials(#[from] crate::pki::CredentialsError),
    /// A file of our own that does not hold what we wrote.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The kernel refused.
    #[error("cannot {action}")]
    Kernel {
        /// The deed that was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
