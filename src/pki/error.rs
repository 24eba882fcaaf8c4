//! Why the authority did not do what was asked.

use crate::sys::file::FileError;

/// The reason why the authority did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file is missing, unreadable or cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key or certificate could not be made or read.
    #[error("cannot {action}: {reason}")]
    Crypto {
        /// The deed that was tried.
        action: &'static str,
        /// The library's words.
        reason: String,
    },
    /// A signing request that is not one.
    #[error("not a certificate signing request in PEM: {0}")]
    MalformedRequest(String),
    /// A signing request for somebody else.
    #[error("the signing request asks for another subject than {0}")]
    WrongSubject(String),
}

/// Makes the error of a library that deals with keys and certificates.
pub(super) fn crypto(action: &'static str, error: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Crypto { action, reason: error.to_string() }
}
