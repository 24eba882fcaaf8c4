//! Why a request to another part of ConPaaS got no answer, or a method no result.

use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Endpoint;

/// The reason why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there, or the network does not lead there. Repeating is safe: nothing was sent.
    #[error("cannot reach {endpoint}")]
    Connect {
        /// The server.
        endpoint: Endpoint,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The peer's certificate is not of the authority, is not valid now, or is of a wrong role.
    #[error("the certificate of {endpoint} failed verification: {reason}")]
    Verification {
        /// The server.
        endpoint: Endpoint,
        /// The TLS library's words.
        reason: String,
    },
    /// The peer refused this side's certificate, or TLS broke otherwise.
    #[error("cannot talk TLS with {endpoint}: {reason}")]
    Tls {
        /// The server.
        endpoint: Endpoint,
        /// The TLS library's words.
        reason: String,
    },
    /// The connection broke before the whole answer was there. The request may have been carried out.
    #[error("the connection to {endpoint} broke: {reason}")]
    Broken {
        /// The server.
        endpoint: Endpoint,
        /// The reason.
        reason: String,
    },
    /// No answer in time. The request may have been carried out.
    #[error("{endpoint} did not answer within {} s", limit.as_secs())]
    Timeout {
        /// The server.
        endpoint: Endpoint,
        /// The time it had.
        limit: Duration,
    },
    /// A file to be sent cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

/// The reason why a remote method returned no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server refused the request: status and text.
    #[error("call to method {method} on {endpoint} failed: HTTP status {status}: {text}")]
    Status {
        /// The method.
        method: String,
        /// The server.
        endpoint: Endpoint,
        /// HTTP status.
        status: u16,
        /// The answer's text.
        text: String,
    },
    /// The method refused; the text is for people.
    #[error("{0}")]
    Remote(String),
}
