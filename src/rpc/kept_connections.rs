//! Connections to servers, kept for a moment after an answer: a handshake costs both sides more than most requests.
//!
//! # Guarantees
//! - A connection is for one request at a time, and is kept only when its last answer was read whole.
//! - A node that is known to be removed is not called on a connection of before.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONNECTION, HeaderMap};
use tokio::task::AbortHandle;

use super::endpoint::Endpoint;
use super::known_nodes::KnownNodes;
use crate::pki::Identity;

/// Shorter than servers of ours wait for the next request.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Servers to which a connection is kept at once.
const MAX_KEPT: usize = 16;

/// The body of a request on a connection that may be kept.
pub(super) type RequestBody = BoxBody<Bytes, io::Error>;

/// A connection that is open; it is closed when this value is dropped.
pub(super) struct OpenConnection {
    sender: SendRequest<RequestBody>,
    /// The server's certificate.
    certificate: Option<Vec<u8>>,
    carrier: AbortHandle,
}

/// A request that came to no answer.
pub(super) struct Unanswered {
    pub(super) error: hyper::Error,
    /// The request itself, if not a byte of it was sent.
    pub(super) unsent: Option<hyper::Request<RequestBody>>,
}

impl OpenConnection {
    /// Returns a connection on which `sender` sends, and which the task of `carrier` carries.
    pub(super) fn new(
        sender: SendRequest<RequestBody>,
        certificate: Option<Vec<u8>>,
        carrier: AbortHandle,
    ) -> OpenConnection {
        OpenConnection { sender, certificate, carrier }
    }

    /// Sends a request and returns the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: hyper::Request<RequestBody>,
    ) -> Result<hyper::Response<Incoming>, Unanswered> {
        self.sender.try_send_request(request).await.map_err(|mut failed| {
            let unsent = failed.take_message();
            Unanswered { error: failed.into_error(), unsent }
        })
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

/// The connections that one client keeps. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(super) struct KeptConnections(Arc<Mutex<HashMap<Endpoint, Kept>>>);

struct Kept {
    connection: OpenConnection,
    since: Instant,
}

impl KeptConnections {
    /// Returns a connection to the server that can take a request, if one is kept.
    pub(super) async fn take(&self, endpoint: &Endpoint, known: &KnownNodes) -> Option<OpenConnection> {
        let mut connection = self.with(|kept| kept.remove(endpoint)).filter(Kept::is_fresh)?.connection;
        if connection.certificate.as_ref().is_some_and(|der| is_removed(der, known)) {
            return None;
        }
        // That the server closed it meanwhile is seen first.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        connection.sender.ready().await.ok()?;
        Some(connection)
    }

    /// Keeps a connection whose answer was read whole.
    pub(super) fn keep(&self, endpoint: &Endpoint, connection: OpenConnection) {
        if connection.sender.is_closed() {
            return;
        }
        self.with(|kept| {
            kept.retain(|_, kept| kept.is_fresh());
            if kept.len() < MAX_KEPT {
                kept.insert(endpoint.clone(), Kept { connection, since: Instant::now() });
            }
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<Endpoint, Kept>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < LONGEST_WAIT && !self.connection.sender.is_closed()
    }
}

fn is_removed(der: &[u8], known: &KnownNodes) -> bool {
    !known.is_empty() && Identity::from_der(der).is_ok_and(|identity| known.is_removed(&identity))
}

/// Returns whether the sender of a head with these headers wants the connection to stay open, in so many words: clients
/// of ConPaaS 2.0 say nothing, and read to the end of the stream.
pub(super) fn wants_to_keep(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(',')).map(str::trim);
    words.any(|word| word.eq_ignore_ascii_case("keep-alive"))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn only_who_says_so_keeps_a_connection() {
        for (value, is_kept) in [("keep-alive", true), ("Keep-Alive, x", true), ("close", false), ("", false)] {
            let headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static(value))]);
            assert_eq!(wants_to_keep(&headers), is_kept, "{value}");
        }
        assert!(!wants_to_keep(&HeaderMap::new()));
    }
}
