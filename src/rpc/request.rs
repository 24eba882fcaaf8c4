//! A request as a role sees it: who asks for what, and a body that is read within bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;

use super::limits::Limits;
use super::response::Response;
use crate::clock::Clock;
use crate::pki::Identity;

const MAX_DISCARDED_BYTES: u64 = 64 * 1024 * 1024;
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
        };
        Response::status_page(status, &self.to_string())
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
    pub(crate) body: Incoming,
    pub(crate) limits: Arc<Limits>,
    pub(super) is_too_slow: bool,
}

impl Request {
    /// Returns a header's text; `None` when it is absent, given twice or not printable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok();
        value.filter(|_| values.next().is_none())
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
        let mut whole = Vec::new();
        let deadline = tokio::time::Instant::now() + self.limits.body_timeout;
        while let Some(piece) = self.next_piece(deadline).await? {
            if (whole.len() + piece.len()) as u64 > max_bytes {
                return Err(BodyError::TooLarge(max_bytes));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Reads what is left of the body without keeping it, for a while: a
    /// caller that is refused while he still sends would see a broken
    /// connection instead of the answer. Called before every refusal.
    pub async fn discard_rest(&mut self) {
        if self.is_too_slow {
            return;
        }
        let deadline = tokio::time::Instant::now() + DISCARD_TIMEOUT;
        let mut n_bytes = 0;
        while let Ok(Some(piece)) = self.next_piece(deadline).await {
            n_bytes += piece.len() as u64;
            if n_bytes > MAX_DISCARDED_BYTES {
                return;
            }
        }
    }

    pub(crate) fn max_body_bytes(&self) -> u64 {
        match self.caller.identity {
            Some(_) => self.limits.max_body_bytes,
            None => self.limits.max_anonymous_body_bytes,
        }
    }

    pub(crate) async fn next_piece(&mut self, deadline: tokio::time::Instant) -> Result<Option<Bytes>, BodyError> {
        loop {
            let pause = deadline.min(tokio::time::Instant::now() + self.limits.body_pause);
            let frame = match tokio::time::timeout_at(pause, self.body.frame()).await {
                Err(_) => {
                    self.is_too_slow = true;
                    return Err(BodyError::TooSlow);
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(BodyError::Malformed(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}
