//! Why what is published is not known, or not served.

use crate::clock::ClockError;
use crate::pki::CredentialsError;
use crate::rpc::{ClientError, TlsError};
use crate::sys::file::FileError;
use crate::template::TemplateError;

/// Why what is published is not known, or not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum IngressError {
    /// The time is not one at which certificates can be judged.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The certificate cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The director does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file with the director's URL holds none.
    #[error("cannot call the director: {0}")]
    Url(String),
    /// The director says no.
    #[error("the director says {status}: {reason}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its reason.
        reason: String,
    },
    /// An answer of a newer or broken director.
    #[error("cannot understand the director's answer")]
    Malformed(#[from] serde_json::Error),
    /// There is no nginx.
    #[error("nginx is not installed: install the package nginx")]
    NoNginx,
    /// A value has no form in a configuration.
    #[error(transparent)]
    Template(#[from] TemplateError),
}
