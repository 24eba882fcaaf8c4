//! What a handler says when it cannot do what was asked, and the one place
//! where that becomes an answer.

use crate::cloud::CloudError;
use crate::pki::AuthorityError;
use crate::rpc::{BodyError, Response};
use crate::store::StoreError;
use crate::sys::chain;

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
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cloud failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The certificate authority failed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Anything else that is ours to mend; the text goes to the log only.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    pub(crate) fn application(text: impl Into<String>) -> Self {
        Failure::Application(text.into())
    }

    /// The answer. Inner detail goes to the log, once, here.
    pub(crate) fn response(&self, path: &str) -> Response {
        match self {
            Failure::Application(text) => Response::application_error(text),
            Failure::False => Response::json_line(&false),
            Failure::Unauthorized(text) => Response::refusal(401, text),
            Failure::Forbidden(text) => Response::refusal(403, text),
            Failure::TooMany(text) => Response::refusal(429, text),
            Failure::NotYet(text) => Response::refusal(503, text),
            Failure::BadRequest(text) => Response::status_page(400, text),
            Failure::NotFound(text) => Response::status_page(404, text),
            Failure::Body(error) => error.response(),
            Failure::Store(StoreError::Full(_)) => {
                self.log(path);
                Response::status_page(507, "The director's disk is full. Free some room on it and try again.")
            }
            Failure::Cloud(error) => {
                self.log(path);
                Response::application_error(&error.to_string())
            }
            Failure::Authority(AuthorityError::MalformedRequest(_) | AuthorityError::WrongSubject(_)) => {
                Response::refusal(403, &self.to_string())
            }
            Failure::Store(_) | Failure::Authority(_) | Failure::Internal(_) => {
                self.log(path);
                Response::status_page(500, "The director failed; its log says why.")
            }
        }
    }

    fn log(&self, path: &str) {
        tracing::error!(path, error = %chain(self), "request failed");
    }
}
