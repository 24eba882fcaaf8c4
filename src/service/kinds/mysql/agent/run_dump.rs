//! Runs dumps that come in pieces, whoever sends them.

use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::sql;
use crate::service::kinds::mysql::dump::WithoutSystem;
use crate::sys::pipe;

/// How much of a dump is read at a time.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Runs a dump that comes in pieces.
///
/// # Errors
/// Returns the last words of the client if a statement fails, or the reason for which the pieces break off.
pub(super) async fn load_all(
    socket: &Path,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> io::Result<()> {
    let mut words = sql::client(socket);
    // A dump is a stranger's: in the sandbox it can neither run programs nor read files.
    words.extend(["--sandbox", "--batch", "--default-character-set=utf8mb4"].map(str::to_owned));
    let mut filter = WithoutSystem::new();
    let last = stream::once(async { Ok(Bytes::new()) });
    let kept = pieces
        .chain(last)
        .map_ok(move |piece: Bytes| if piece.is_empty() { filter.end() } else { filter.next(&piece) });
    pipe::input("mariadb", &words, Box::pin(kept)).await
}
