//! Why the director does not do what it was asked for. What the caller is told
//! then is `http/failure.rs`'s.

use super::password::TooManyAttempts;
use crate::cloud::CloudError;
use crate::pki::AuthorityError;
use crate::rpc::BodyError;
use crate::store::StoreError;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The caller can fix it; clients print the text.
    #[error("{0}")]
    Application(String),
    /// Upstream's bare `false`: the caller is nobody, or not the owner.
    #[error("false")]
    False,
    /// No certificate, or one that lacks what is needed.
    #[error("{0}")]
    Unauthorized(String),
    /// A certificate of a role that may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// Too many attempts.
    #[error("{0}")]
    TooMany(String),
    /// Nothing is wrong: the caller is to ask again soon.
    #[error("{0}")]
    NotYet(String),
    /// The request itself is malformed.
    #[error("{0}")]
    BadRequest(String),
    /// No such thing to download.
    #[error("{0}")]
    NotFound(String),
    /// The disk has no room but what is kept to free some.
    #[error("the disk is full")]
    NoRoom,
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cloud failed.
    #[error(transparent)]
    CloudFailed(#[from] CloudError),
    /// The certificate authority failed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Anything else that is not the caller's to fix; the text goes to the log only.
    #[error("{0}")]
    Internal(String),
}

impl From<TooManyAttempts> for Failure {
    fn from(error: TooManyAttempts) -> Self {
        Failure::TooMany(error.to_string())
    }
}

impl Failure {
    pub(crate) fn application(text: impl Into<String>) -> Self {
        Failure::Application(text.into())
    }
}
