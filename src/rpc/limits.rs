//! Bounds of a listener, so that no caller can take more than a share of it.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections at once from one address; more are closed at once.
    pub max_connections_per_address: usize,
    /// Time for the TLS handshake and, again, for the request's head.
    pub head_timeout: Duration,
    /// Longest pause while a body arrives.
    pub body_pause: Duration,
    /// Time for a whole body.
    pub body_timeout: Duration,
    /// Largest body in bytes.
    pub max_body_bytes: u64,
    /// Largest body in bytes of a caller without a certificate.
    pub max_anonymous_body_bytes: u64,
    /// Time for a connection in all, the work included.
    pub connection_timeout: Duration,
    /// The directory of uploaded files until they are used; `None` refuses them.
    pub upload_directory: Option<PathBuf>,
}

impl Limits {
    /// Returns bounds that fit a Raspberry Pi; uploads wait in `upload_directory`.
    #[must_use]
    pub fn new(upload_directory: PathBuf) -> Self {
        Limits { upload_directory: Some(upload_directory), ..Limits::without_uploads() }
    }

    /// Returns the same bounds for a listener that takes no files.
    pub(crate) fn without_uploads() -> Self {
        Limits {
            max_connections: 512,
            max_connections_per_address: 256,
            head_timeout: Duration::from_secs(10),
            body_pause: Duration::from_secs(20),
            body_timeout: Duration::from_secs(600),
            max_body_bytes: 512 * 1024 * 1024,
            max_anonymous_body_bytes: 1024 * 1024,
            connection_timeout: Duration::from_secs(1800),
            upload_directory: None,
        }
    }
}
