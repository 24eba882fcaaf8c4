//! A word from another process of this machine, over a socket in its file system.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// Connects to the socket at `path`, says nothing, and returns what the other
/// side says until it closes.
///
/// # Errors
/// Nobody listens, the answer is longer than `max_bytes`, or it does not end within `limit`.
pub(crate) async fn listen_to(path: &Path, max_bytes: u64, limit: Duration) -> io::Result<Vec<u8>> {
    let listening = async {
        let stream = UnixStream::connect(path).await?;
        let mut bytes = Vec::new();
        stream.take(max_bytes + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > max_bytes {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(bytes)
    };
    tokio::time::timeout(limit, listening).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
