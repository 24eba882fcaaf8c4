//! Why a node cannot join.

use std::time::Duration;

use nix::errno::Errno;

use crate::clock::ClockError;
use crate::pki::AuthorityError;
use crate::rpc::TlsError;
use crate::sys::file::FileError;

/// Why a node does not know what it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// No source has one.
    #[error("no invitation after {} s: {looked}", limit.as_secs())]
    NoInvitation {
        /// How long it was looked for.
        limit: Duration,
        /// What was seen where.
        looked: String,
    },
    /// The clock is wrong: no certificate could be checked.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// No key or request could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What the invitation or the director says cannot be used for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The director does not answer.
    #[error("the director does not answer: {0}")]
    Unreachable(String),
    /// The director says no.
    #[error("the director refused this node: {0}")]
    Refused(String),
    /// The director's answer makes no sense.
    #[error("the director's answer cannot be used: {0}")]
    Malformed(String),
    /// The role could not be started.
    #[error("cannot become the {role}")]
    Become {
        /// Which one.
        role: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The runtime.
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
}
