//! A request as a role sees it: who asks for what, and a body that is read within bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::connection::Connection;
use super::crowd::{Grant, Party, Refusal};
use super::limits::Limits;
use super::response::Response;
use crate::clock::Clock;
use crate::model::UserId;
use crate::pki::Identity;

const MAX_DISCARDED_BYTES: u64 = 64 * 1024 * 1024;
/// On the average; a body without a file that comes slower is as good as none.
const SLOWEST_BYTES_PER_SECOND: u64 = 1000;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The sender of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address from which the connection comes.
    pub address: SocketAddr,
    /// The holder of the client certificate; `None` without a certificate, or
    /// with one that is not good at this time.
    pub identity: Option<Identity>,
    /// The holder of a client certificate that the authority has issued, but
    /// that is not good at this time.
    pub outdated: Option<Identity>,
}

impl Caller {
    /// Tells a certificate that is good now from an outdated one.
    pub(super) fn new(address: SocketAddr, identity: Option<Identity>) -> Self {
        let now = Clock::system().unix_seconds();
        let (identity, outdated) = match identity {
            Some(outdated) if !outdated.is_current(now) => (None, Some(outdated)),
            identity => (identity, None),
        };
        Caller { address, identity, outdated }
    }
}

/// A body that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed.
    #[error("the request is larger than {0} bytes")]
    TooLarge(u64),
    /// It came too slowly.
    #[error("the request did not arrive in time")]
    TooSlow,
    /// It stopped in the middle, or is not what it says it is.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// It has a file where none is taken.
    #[error("no files are taken here")]
    NoFiles,
    /// It could not be kept.
    #[error("the uploaded file cannot be kept: {0}")]
    Storage(std::io::Error),
    /// Others, or the caller's own other requests, take all the room at the moment.
    #[error("too many requests are on their way: try again in a moment")]
    Busy,
    /// The caller has uploaded too much for a while.
    #[error("too much was uploaded within an hour: wait some minutes and try again")]
    TooMuch,
}

impl From<Refusal> for BodyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held => BodyError::Busy,
            Refusal::Hourly => BodyError::TooMuch,
        }
    }
}

impl BodyError {
    /// Returns the answer to a caller whose body could not be read.
    #[must_use]
    pub fn response(&self) -> Response {
        let status = match self {
            BodyError::TooLarge(_) => 413,
            BodyError::TooSlow => 408,
            BodyError::Malformed(_) | BodyError::NoFiles => 400,
            BodyError::Storage(_) => 507,
            BodyError::Busy => 503,
            BodyError::TooMuch => 429,
        };
        Response::plain_refusal(status, &self.to_string())
    }
}

/// One request, its body not read yet.
pub struct Request {
    /// The verb, such as `POST`.
    pub method: String,
    /// The path alone, percent-encoding as sent.
    pub path: String,
    /// The query's text, without the question mark.
    pub query: String,
    /// The `Content-Type` header, as sent.
    pub content_type: Option<String>,
    pub(crate) headers: HeaderMap,
    /// The sender.
    pub caller: Caller,
    pub(super) body: Incoming,
    pub(super) limits: Arc<Limits>,
    /// Whether the sender is more than a stranger.
    pub(super) is_known: bool,
    pub(super) is_too_slow: bool,
    pub(super) connection: Arc<Connection>,
    /// The room in memory that its body takes until it is answered.
    pub(super) memory: Grant,
}

/// Whether the bytes of a body have an end in time, or only their pauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTime {
    began: Instant,
    /// `None` for a file that may take as long as it moves.
    limit: Option<Duration>,
    n_bytes: u64,
}

impl BodyTime {
    fn new(limit: Option<Duration>) -> Self {
        BodyTime { began: Instant::now(), limit, n_bytes: 0 }
    }

    /// Returns when the next piece must be there.
    fn deadline(&self, pause: Duration) -> Instant {
        let next = Instant::now() + pause;
        let of_bytes = Duration::from_secs(self.n_bytes / SLOWEST_BYTES_PER_SECOND);
        self.limit.map_or(next, |limit| next.min(self.began + limit + of_bytes))
    }
}

impl Request {
    /// Returns a header's text; `None` when it is absent, given twice or not printable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok();
        value.filter(|_| values.next().is_none())
    }

    /// Returns all values of a header that may be given several times.
    pub(crate) fn headers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// Returns whether a header is there at all.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Reads the whole body into memory, at most `max_bytes`.
    ///
    /// # Errors
    /// The body is too large, too slow or broken off.
    pub async fn read_body(&mut self, max_bytes: u64) -> Result<Bytes, BodyError> {
        let max_bytes = max_bytes.min(self.max_body_bytes());
        self.refuse_larger(max_bytes)?;
        let mut whole = Vec::new();
        let mut time = self.time_without_file();
        while let Some(piece) = self.next_piece(&mut time).await? {
            if (whole.len() + piece.len()) as u64 > max_bytes {
                return Err(BodyError::TooLarge(max_bytes));
            }
            self.memory.extend(piece.len() as u64)?;
            whole.extend_from_slice(&piece);
        }
        self.received();
        Ok(whole.into())
    }

    /// Reads what is left of the body without keeping it, for a while: a
    /// caller that is refused while he still sends would see a broken
    /// connection instead of the answer. Called before every refusal.
    pub async fn discard_rest(&mut self) {
        if self.is_too_slow {
            return;
        }
        let mut time = BodyTime::new(Some(DISCARD_TIMEOUT));
        let mut n_bytes = 0;
        while let Ok(Some(piece)) = self.next_piece(&mut time).await {
            // A stranger is not read on for long.
            if time.began.elapsed() > DISCARD_TIMEOUT {
                return;
            }
            n_bytes += piece.len() as u64;
            if n_bytes > MAX_DISCARDED_BYTES {
                return;
            }
        }
    }

    /// Takes the sender for a user from now on, who has proved it without a certificate.
    ///
    /// # Errors
    /// Too many requests of that user are being worked on.
    pub(crate) fn become_user(&mut self, uid: UserId) -> Result<(), BodyError> {
        let party = Party::User(uid);
        if !self.connection.seat.become_known(party) {
            return Err(BodyError::Busy);
        }
        self.memory = self.memory.of(party);
        self.is_known = true;
        Ok(())
    }

    pub(crate) fn max_body_bytes(&self) -> u64 {
        if self.is_known { self.limits.max_body_bytes } else { self.limits.max_anonymous_body_bytes }
    }

    /// Refuses a body that says itself that it is larger than `max_bytes`.
    pub(super) fn refuse_larger(&self, max_bytes: u64) -> Result<(), BodyError> {
        if self.body.size_hint().lower() > max_bytes { Err(BodyError::TooLarge(max_bytes)) } else { Ok(()) }
    }

    /// Returns the room in memory that it has, to be given back by [`Request::keep_memory`].
    pub(super) fn take_memory(&mut self) -> Grant {
        self.memory.split()
    }

    /// Keeps room in memory until the request is answered.
    pub(super) fn keep_memory(&mut self, room: Grant) {
        self.memory = room;
    }

    /// The request is there whole: from now on its connection does not give way to others.
    pub(crate) fn received(&self) {
        self.connection.begin_work();
    }

    /// Returns the time for a body that holds no file.
    pub(super) fn time_without_file(&self) -> BodyTime {
        let stranger = self.limits.body_timeout.min(self.limits.anonymous_body_timeout);
        let limit = if self.is_known { self.limits.body_timeout } else { stranger };
        BodyTime::new(Some(limit))
    }

    /// Returns the time for a body that may hold a file: for a known caller only pauses end it.
    pub(super) fn time_with_file(&self) -> BodyTime {
        if self.is_known { BodyTime::new(None) } else { self.time_without_file() }
    }

    pub(super) async fn next_piece(&mut self, time: &mut BodyTime) -> Result<Option<Bytes>, BodyError> {
        loop {
            let deadline = time.deadline(self.limits.body_pause);
            let frame = match tokio::time::timeout_at(deadline, self.body.frame()).await {
                Err(_) => {
                    self.is_too_slow = true;
                    return Err(BodyError::TooSlow);
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(BodyError::Malformed(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                time.n_bytes += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }
}
