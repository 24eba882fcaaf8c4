//! The one place where a failure becomes an answer: 4xx is the caller's to fix, 5xx is ours.

use crate::director::error::Failure;
use crate::pki::AuthorityError;
use crate::rpc::Response;
use crate::store::StoreError;
use crate::sys::chain;

/// Returns the answer to a request for `path` that failed. Inner detail goes to the log, once, here.
pub(crate) fn response(failure: &Failure, path: &str) -> Response {
    match failure {
        Failure::Application(text) => Response::application_error(text),
        Failure::False => Response::json_line(&false),
        Failure::Unauthorized(text) => Response::refusal(401, text),
        Failure::Forbidden(text) => Response::refusal(403, text),
        Failure::TooMany(text) => Response::refusal(429, text),
        Failure::NotYet(text) => Response::refusal(503, text),
        Failure::BadRequest(text) => Response::status_page(400, text),
        Failure::NotFound(text) => Response::status_page(404, text),
        Failure::Body(error) => error.response(),
        Failure::Store(StoreError::Full(_)) | Failure::NoRoom => {
            log(failure, path);
            Response::status_page(507, "The director's disk is full. Free some room on it and try again.")
        }
        Failure::CloudFailed(error) => {
            log(failure, path);
            Response::application_error(&error.to_string())
        }
        Failure::Authority(AuthorityError::MalformedRequest(_) | AuthorityError::WrongSubject(_)) => {
            Response::refusal(403, &failure.to_string())
        }
        Failure::Store(_) | Failure::Authority(_) | Failure::Internal(_) => {
            log(failure, path);
            Response::status_page(500, "The director failed; its log says why.")
        }
    }
}

fn log(failure: &Failure, path: &str) {
    tracing::error!(path, error = %chain(failure), "request failed");
}
