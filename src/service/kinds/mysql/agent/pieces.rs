//! Files of any size, which come in many uploads: one program takes all of them, so that what a statement of a dump sets holds
//! for those after it. What is in memory and on the disk is one piece.
//!
//! # Guarantees
//! - A piece is taken once and in its order; one that is sent again is answered again.
//! - One file of a sort is taken at a time. One of which no more comes is given up. What was loaded of a dump then stays, as
//!   with any client; of a backup nothing does.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use crate::api::params::bad;
use crate::rpc::Upload;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::sys::pipe::ByteStream;

/// How long a file is waited for of which no more comes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Parts of pieces that wait until the program has taken those before them.
const QUEUE: usize = 4;
/// How much of a piece is read at a time.
const PART_BYTES: usize = 64 * 1024;
/// Of the word by which the pieces of one file are known.
const MOST_NAME_CHARS: usize = 64;

/// The file that is taken now, or was taken last.
pub(super) struct Pieces {
    /// What it is, such as a dump.
    what: &'static str,
    current: Mutex<Option<Taking>>,
}

struct Taking {
    name: String,
    n_bytes: u64,
    last_piece: Instant,
    stage: Stage,
}

enum Stage {
    /// Where the next piece goes, and who tells how it ended.
    Runs(mpsc::Sender<io::Result<Bytes>>, JoinHandle<io::Result<()>>),
    Done,
}

/// One piece of a file.
pub(super) struct Piece {
    name: String,
    offset: u64,
    is_last: bool,
}

impl Piece {
    /// Takes what a call says of its piece, and the piece.
    ///
    /// # Errors
    /// Returns an error for a parameter that is missing or wrong.
    pub(super) fn of_call(call: &mut Call, field: &str) -> Result<(Self, Upload), MethodError> {
        let name = call.params.string("load")?;
        if name.is_empty() || name.len() > MOST_NAME_CHARS || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(bad("load", "it is no short word").into());
        }
        let offset = call.params.integer("offset")?;
        let offset = u64::try_from(offset).map_err(|_| bad("offset", &format!("{offset} is less than 0")))?;
        let is_last = call.params.boolean_or("last", false)?;
        Ok((Piece { name, offset, is_last }, call.file(field)?))
    }

    /// Returns whether no other piece follows.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Returns the only piece of a file; `name` is none that clients choose.
    pub(super) fn whole(name: String) -> Self {
        Piece { name, offset: 0, is_last: true }
    }
}

impl Pieces {
    /// Files of a sort that is told as `what`.
    pub(super) fn of(what: &'static str) -> Self {
        Pieces { what, current: Mutex::default() }
    }

    /// Has the next piece of a file, which is in `content`, taken by the program of its earlier pieces; `program` runs one.
    ///
    /// # Errors
    /// Returns the program's last words if it fails, or why this piece is not the next one.
    pub(super) async fn take<F>(
        &self,
        piece: Piece,
        content: &Path,
        program: impl FnOnce(ByteStream) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let is_busy = || io::Error::other(format!("another {} is being loaded", self.what));
        let mut current = self.current.try_lock().map_err(|_| is_busy())?;
        if piece.offset == 0 && current.as_ref().is_none_or(|taking| taking.name != piece.name) {
            if current.as_ref().is_some_and(Taking::is_waited_for) {
                return Err(is_busy());
            }
            *current = Some(Taking::begin(self.what, &piece.name, program));
        }
        let known = current.as_mut().filter(|taking| taking.name == piece.name);
        let began_anew = || io::Error::other(format!("no such {} is loaded here: the agent began anew", self.what));
        let outcome = known.ok_or_else(began_anew)?.take(&piece, content).await;
        if outcome.is_err() {
            *current = None;
        }
        outcome
    }
}

impl Taking {
    fn begin<F>(what: &'static str, name: &str, program: impl FnOnce(ByteStream) -> F) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let pieces = stream::unfold(receiver, move |mut receiver: mpsc::Receiver<io::Result<Bytes>>| async move {
            let piece = match tokio::time::timeout(PATIENCE, receiver.recv()).await {
                Ok(piece) => piece?,
                Err(_) => Err(io::Error::other(format!("the rest of the {what} does not come"))),
            };
            Some((piece, receiver))
        });
        let task = tokio::spawn(program(pieces.boxed()));
        Taking { name: name.to_owned(), n_bytes: 0, last_piece: Instant::now(), stage: Stage::Runs(sender, task) }
    }

    fn is_waited_for(&self) -> bool {
        matches!(self.stage, Stage::Runs(..)) && self.last_piece.elapsed() < PATIENCE
    }

    async fn take(&mut self, piece: &Piece, content: &Path) -> io::Result<()> {
        let content = tokio::fs::File::open(content).await?;
        let n_bytes = content.metadata().await?.len();
        if piece.offset + n_bytes == self.n_bytes && n_bytes > 0 && !piece.is_last {
            return Ok(());
        }
        let Stage::Runs(sender, _) = &self.stage else { return Ok(()) };
        if piece.offset != self.n_bytes {
            let (wanted, got) = (self.n_bytes, piece.offset);
            return Err(io::Error::other(format!("the piece begins at byte {got}, and not at {wanted}")));
        }
        let mut parts = ReaderStream::with_capacity(content, PART_BYTES);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as Shared};

    use futures_util::TryStreamExt;

    use super::*;

    struct Desk {
        pieces: Pieces,
        directory: tempfile::TempDir,
        taken: Arc<Shared<Vec<u8>>>,
    }

    impl Desk {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Desk { pieces: Pieces::of("dump"), directory, taken: Arc::default() }
        }

        /// Sends a piece to a program that keeps what it gets once it has all, and fails at the letter x.
        async fn send(&self, name: &str, offset: u64, text: &str, is_last: bool) -> Result<(), String> {
            let file = self.directory.path().join("piece");
            std::fs::write(&file, text).unwrap();
            let taken = Arc::clone(&self.taken);
            let program = |mut pieces: ByteStream| async move {
                let mut all = Vec::new();
                while let Some(piece) = pieces.try_next().await? {
                    all.extend_from_slice(&piece);
                    if all.contains(&b'x') {
                        return Err(io::Error::other("there is an x"));
                    }
                }
                taken.lock().unwrap().extend(all);
                Ok(())
            };
            let piece = Piece { name: name.to_owned(), offset, is_last };
            self.pieces.take(piece, &file, program).await.map_err(|error| error.to_string())
        }

        fn text(&self) -> String {
            String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
        }
    }

    #[tokio::test]
    async fn pieces_are_taken_once_in_their_order_and_by_one_program() {
        let desk = Desk::new();
        assert!(desk.send("a", 2, "cd", false).await.unwrap_err().contains("no such dump"));
        desk.send("a", 0, "ab", false).await.unwrap();
        desk.send("a", 0, "ab", false).await.unwrap();
        assert!(desk.send("b", 0, "zz", false).await.unwrap_err().contains("another dump is being loaded"));
        desk.send("a", 2, "cd", false).await.unwrap();
        assert_eq!(desk.text(), "", "it is not at its end");
        desk.send("a", 4, "e", true).await.unwrap();
        desk.send("a", 4, "e", true).await.unwrap();
        assert_eq!(desk.text(), "abcde");
        desk.send("b", 0, "fg", true).await.unwrap();
        assert_eq!(desk.text(), "abcdefg");
    }

    #[tokio::test]
    async fn a_gap_ends_it_and_a_program_that_fails_says_why() {
        let desk = Desk::new();
        desk.send("a", 0, "ab", false).await.unwrap();
        assert!(desk.send("a", 3, "d", true).await.unwrap_err().contains("begins at byte 3, and not at 2"));
        assert!(desk.send("a", 2, "c", true).await.unwrap_err().contains("no such dump"));
        desk.send("b", 0, "ab", false).await.unwrap();
        assert_eq!(desk.send("b", 2, "x", true).await.unwrap_err(), "there is an x");
        desk.send("c", 0, "c", true).await.unwrap();
    }
}
