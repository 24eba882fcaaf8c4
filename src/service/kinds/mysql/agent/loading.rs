//! Dumps of any size, which come in many uploads: one client program runs all of them, so that what a statement sets holds
//! for those after it. What is in memory and on the disk is one piece.
//!
//! # Guarantees
//! - A piece is taken once and in its order; one that is sent again is answered again.
//! - One dump is loaded at a time. One of which no more comes is given up, and what was loaded of it stays, as with any client.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use super::run_dump::{PIECE_BYTES, load_all};
use crate::rpc::Upload;

/// How long a dump is waited for of which no more comes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Parts of pieces that wait until the server has taken those before them.
const QUEUE: usize = 4;

/// The dump that is loaded now, or was loaded last.
#[derive(Default)]
pub(super) struct Loading(Mutex<Option<Load>>);

struct Load {
    name: String,
    n_bytes: u64,
    last_piece: Instant,
    stage: Stage,
}

enum Stage {
    /// Where the next piece goes, and who tells how it ended.
    Runs(mpsc::Sender<io::Result<Bytes>>, tokio::task::JoinHandle<io::Result<()>>),
    Done,
}

/// One piece of a dump.
pub(super) struct Piece {
    pub name: String,
    pub offset: u64,
    pub is_last: bool,
    pub content: Upload,
}

impl Loading {
    /// Has the next piece of a dump run by the client of its earlier pieces.
    ///
    /// # Errors
    /// Returns the client's last words if a statement fails, or why this piece is not the next one.
    pub(super) async fn take(&self, socket: PathBuf, piece: Piece) -> io::Result<()> {
        let mut loading = self.0.try_lock().map_err(|_| io::Error::other("another dump is being loaded"))?;
        if piece.offset == 0 {
            begin(socket, &mut loading, &piece.name)?;
        }
        let known = loading.as_mut().filter(|load| load.name == piece.name);
        let load = known.ok_or_else(|| io::Error::other("no such dump is loaded here: the agent began anew"))?;
        let outcome = load.take(piece).await;
        if outcome.is_err() {
            *loading = None;
        }
        outcome
    }
}

fn begin(socket: PathBuf, loading: &mut Option<Load>, name: &str) -> io::Result<()> {
    match loading {
        Some(load) if load.name == name => return Ok(()),
        Some(Load { stage: Stage::Runs(..), last_piece, .. }) if last_piece.elapsed() < PATIENCE => {
            return Err(io::Error::other("another dump is being loaded"));
        }
        _ => {}
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let pieces = stream::unfold(receiver, |mut receiver: mpsc::Receiver<io::Result<Bytes>>| async move {
        let piece = match tokio::time::timeout(PATIENCE, receiver.recv()).await {
            Ok(piece) => piece?,
            Err(_) => Err(io::Error::other("the rest of the dump does not come")),
        };
        Some((piece, receiver))
    });
    let task = tokio::spawn(async move { load_all(&socket, pieces.boxed()).await });
    let (name, last_piece) = (name.to_owned(), Instant::now());
    *loading = Some(Load { name, n_bytes: 0, last_piece, stage: Stage::Runs(sender, task) });
    Ok(())
}

impl Load {
    async fn take(&mut self, piece: Piece) -> io::Result<()> {
        let content = tokio::fs::File::open(piece.content.path()).await?;
        let n_bytes = content.metadata().await?.len();
        if piece.offset + n_bytes == self.n_bytes && n_bytes > 0 && !piece.is_last {
            return Ok(());
        }
        let Stage::Runs(sender, _) = &self.stage else { return Ok(()) };
        if piece.offset != self.n_bytes {
            let (wanted, got) = (self.n_bytes, piece.offset);
            return Err(io::Error::other(format!("the piece begins at byte {got}, and not at {wanted}")));
        }
        let mut parts = ReaderStream::with_capacity(content, PIECE_BYTES);
        let mut is_taken = true;
        while let Some(part) = parts.next().await {
            // Whoever takes no more has ended, and says why.
            is_taken = sender.send(Ok(part?)).await.is_ok();
            if !is_taken {
                break;
            }
        }
        self.n_bytes += n_bytes;
        self.last_piece = Instant::now();
        if is_taken && !piece.is_last {
            return Ok(());
        }
        let Stage::Runs(sender, task) = std::mem::replace(&mut self.stage, Stage::Done) else { return Ok(()) };
        drop(sender);
        task.await.map_err(io::Error::other)?
    }
}
