//! Why a request to another part of ConPaaS got no answer, or a method no result.
//!
//! What the other side wrote is bounded here, and commands no terminal: it goes into logs and records.

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
    /// The answer is larger than one to this question may be.
    #[error("the answer of {endpoint} is larger than {max_bytes} bytes")]
    TooLarge {
        /// The server.
        endpoint: Endpoint,
        /// The most that was to come.
        max_bytes: u64,
    },
    /// A file to be sent cannot be read, or one that was asked for cannot be written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried: `read` or `write`.
        verb: &'static str,
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
    /// The server answered with something else than a method's result or error.
    #[error("{endpoint} answered method {method} with what is no answer ({reason}): {excerpt}")]
    Malformed {
        /// The method.
        method: String,
        /// The server.
        endpoint: Endpoint,
        /// What is wrong with it.
        reason: String,
        /// Its beginning.
        excerpt: String,
    },
    /// The method refused; the text is for people.
    #[error("{0}")]
    Remote(String),
}
