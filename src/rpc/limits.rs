//! Bounds of a listener, so that no caller can take more than a share of it.

use std::path::PathBuf;
use std::time::Duration;

use super::crowd::Origins;

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once: half of them are for callers who have shown a certificate, each caller has at most
    /// half of that half. When there are no more, one that is slow gives way to a new one.
    pub max_connections: usize,
    /// Networks whose hosts are one caller.
    pub origins: Origins,
    /// Time for the TLS handshake and, again, for the request's head.
    pub head_timeout: Duration,
    /// Longest pause while a body arrives.
    pub body_pause: Duration,
    /// Time for a body without a file, and a second more for each 1000 bytes of it.
    pub body_timeout: Duration,
    /// The same for a caller without a certificate, files included.
    pub anonymous_body_timeout: Duration,
    /// Largest body in bytes.
    pub max_body_bytes: u64,
    /// Largest body in bytes of a caller without a certificate.
    pub max_anonymous_body_bytes: u64,
    /// Time from the end of a request to the begin of its answer.
    pub work_timeout: Duration,
    /// Bytes of bodies that are in memory at once, of all callers; one caller has half of them.
    pub max_memory_bytes: u64,
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
            origins: Origins::default(),
            head_timeout: Duration::from_secs(10),
            body_pause: Duration::from_secs(30),
            body_timeout: Duration::from_secs(120),
            anonymous_body_timeout: Duration::from_secs(30),
            max_body_bytes: 512 * 1024 * 1024,
            max_anonymous_body_bytes: 1024 * 1024,
            work_timeout: Duration::from_secs(1800),
            max_memory_bytes: 32 * 1024 * 1024,
            upload_directory: None,
        }
    }
}
