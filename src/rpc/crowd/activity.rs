//! Whether a connection still moves: bytes while a request or an answer is on its way, work in between.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a connection may stand still.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Patience {
    /// Without a byte while something is on its way.
    pub(in crate::rpc) pause: Duration,
    /// From the end of the request to the begin of the answer.
    pub(in crate::rpc) work: Duration,
    /// On the average; `None` for those who may be as slow as they like.
    pub(in crate::rpc) slowest_bytes_per_second: Option<u64>,
}

/// What a connection does. Cheap to clone; clones are the same.
#[derive(Clone)]
pub(in crate::rpc) struct Activity(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Receiving,
    AtWork,
    Answering,
}

struct State {
    phase: Phase,
    phase_began: Instant,
    last: Instant,
    n_moved: u64,
}

impl Activity {
    /// A connection that waits for its request.
    pub(in crate::rpc) fn new() -> Self {
        let now = Instant::now();
        Activity(Arc::new(Mutex::new(State { phase: Phase::Receiving, phase_began: now, last: now, n_moved: 0 })))
    }

    /// A request begins.
    pub(in crate::rpc) fn begin_request(&self) {
        self.with(|state| state.begin(Phase::Receiving, Instant::now()));
    }

    /// The request is there.
    pub(in crate::rpc) fn begin_work(&self) {
        self.with(|state| state.begin(Phase::AtWork, Instant::now()));
    }

    /// The answer is on its way.
    pub(in crate::rpc) fn begin_answer(&self) {
        self.with(|state| state.begin(Phase::Answering, Instant::now()));
    }

    /// Waits until the connection has stood still for longer than `patience` bears.
    pub(in crate::rpc) async fn stalled(&self, patience: Patience) {
        loop {
            let deadline = self.with(|state| state.deadline(patience));
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline.into()).await;
        }
    }

    fn moved(&self, n_bytes: usize) {
        self.with(|state| {
            state.last = Instant::now();
            state.n_moved += n_bytes as u64;
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn begin(&mut self, phase: Phase, now: Instant) {
        *self = State { phase, phase_began: now, last: now, n_moved: 0 };
    }

    fn deadline(&self, patience: Patience) -> Instant {
        match (self.phase, patience.slowest_bytes_per_second) {
            (Phase::AtWork, _) => self.phase_began + patience.work,
            // Whoever reads the body looks himself, and says so in an answer; this comes after him.
            (Phase::Receiving, _) => self.last + patience.pause * 2,
            (Phase::Answering, None) => self.last + patience.pause,
            (Phase::Answering, Some(rate)) => {
                let whole = patience.pause + Duration::from_secs(self.n_moved / rate);
                (self.last + patience.pause).min(self.phase_began + whole)
            }
        }
    }
}

/// A stream that tells of each byte that moves.
pub(in crate::rpc) struct Watched<S> {
    stream: S,
    activity: Activity,
}

impl<S> Watched<S> {
    pub(in crate::rpc) fn new(stream: S, activity: Activity) -> Self {
        Watched { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut own.stream).poll_read(cx, buffer);
        let n_bytes = buffer.filled().len() - before;
        if n_bytes > 0 {
            own.activity.moved(n_bytes);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n_bytes @ 1..)) = outcome {
            own.activity.moved(n_bytes);
        }
        outcome
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write_vectored(cx, pieces);
        if let Poll::Ready(Ok(n_bytes @ 1..)) = outcome {
            own.activity.moved(n_bytes);
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        pause: Duration::from_secs(30),
        work: Duration::from_secs(600),
        slowest_bytes_per_second: Some(1000),
    };

    #[test]
    fn work_has_its_time_and_an_answer_may_take_as_long_as_it_moves() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut state = State { phase: Phase::Receiving, phase_began: start, last: start, n_moved: 0 };
        assert_eq!(state.deadline(PATIENCE), at(60));
        state.begin(Phase::AtWork, at(10));
        assert_eq!(state.deadline(PATIENCE), at(610));
        state.begin(Phase::Answering, at(100));
        assert_eq!(state.deadline(PATIENCE), at(130));
        (state.last, state.n_moved) = (at(1000), 950_000);
        assert_eq!(state.deadline(PATIENCE), at(1030), "steady");
        (state.last, state.n_moved) = (at(1000), 1000);
        assert!(state.deadline(PATIENCE) < at(1000), "a byte now and then");
        let known = Patience { slowest_bytes_per_second: None, ..PATIENCE };
        assert_eq!(state.deadline(known), at(1030));
    }
}
