//! What came back from a server.

use bytes::Bytes;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The file name of a download.
    pub filename: Option<String>,
    /// The whole body.
    pub body: Bytes,
}
