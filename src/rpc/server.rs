//! The listener: accepts, shakes hands where it talks TLS, reads one request, answers, closes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::response::Response;
use crate::clock::Clock;
use crate::pki::Identity;

const MAX_DISCARDED_BYTES: u64 = 64 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections at once from one address; more are closed at once.
    pub max_connections_per_address: usize,
    /// Time for the TLS handshake and, again, for the request's head.
    pub head_timeout: Duration,
    /// Longest pause while a body arrives.
    pub body_pause: Duration,
    /// Time for a whole body.
    pub body_timeout: Duration,
    /// Largest body in bytes.
    pub max_body_bytes: u64,
    /// Largest body in bytes of a caller without a certificate.
    pub max_anonymous_body_bytes: u64,
    /// Time for a connection in all, the work included.
    pub connection_timeout: Duration,
    /// Where uploaded files wait until they are used; `None` refuses them.
    pub upload_directory: Option<PathBuf>,
}

impl Limits {
    /// Bounds that fit a Raspberry Pi; uploads wait in `upload_directory`.
    #[must_use]
    pub fn new(upload_directory: PathBuf) -> Self {
        Limits { upload_directory: Some(upload_directory), ..Limits::without_uploads() }
    }

    /// The same for a listener that takes no files.
    pub(crate) fn without_uploads() -> Self {
        Limits {
            max_connections: 512,
            max_connections_per_address: 256,
            head_timeout: Duration::from_secs(10),
            body_pause: Duration::from_secs(20),
            body_timeout: Duration::from_secs(600),
            max_body_bytes: 512 * 1024 * 1024,
            max_anonymous_body_bytes: 1024 * 1024,
            connection_timeout: Duration::from_secs(1800),
            upload_directory: None,
        }
    }
}

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// Whom the client certificate names; `None` without a certificate, or
    /// with one that is not good at this time.
    pub identity: Option<Identity>,
    /// Whom a client certificate names that the authority has issued, but
    /// that is not good at this time.
    pub outdated: Option<Identity>,
}

impl Caller {
    fn new(address: SocketAddr, identity: Option<Identity>) -> Self {
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
            BodyError::Malformed(_) => 400,
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
    /// Who is asking.
    pub caller: Caller,
    pub(crate) body: Incoming,
    pub(crate) limits: Arc<Limits>,
    is_too_slow: bool,
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

/// What answers requests.
pub type Handler = Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// Accepts connections until `stop`, each in a task of its own in `tasks`.
///
/// `tls` is looked at for every connection, so that a renewed certificate
/// is used at once.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<RwLock<Arc<ServerConfig>>>,
    limits: Limits,
    handler: Handler,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    accept(listener, Transport::Tls(tls), limits, handler, tasks, stop).await;
}

/// The same without TLS, for what is nobody's secret: anybody on the way can
/// read and change it, and no caller has an identity.
pub(crate) async fn serve_plain(
    listener: TcpListener,
    limits: Limits,
    handler: Handler,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    accept(listener, Transport::Plain, limits, handler, tasks, stop).await;
}

/// How bytes come and go.
enum Transport {
    Tls(Arc<RwLock<Arc<ServerConfig>>>),
    Plain,
}

async fn accept(
    listener: TcpListener,
    transport: Transport,
    limits: Limits,
    handler: Handler,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let limits = Arc::new(limits);
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let per_address = Arc::new(PerAddress::default());
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => return,
            slot = Arc::clone(&slots).acquire_owned() => match slot { Ok(slot) => slot, Err(_) => return },
        };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors or memory: others will close soon.
                    tracing::warn!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Some(seat) = per_address.enter(address.ip(), limits.max_connections_per_address) else {
            tracing::debug!(peer = %address, "too many connections from one address");
            continue;
        };
        let config = match &transport {
            Transport::Tls(config) => Some(Arc::clone(&config.read().unwrap_or_else(PoisonError::into_inner))),
            Transport::Plain => None,
        };
        let connection = Connection { limits: Arc::clone(&limits), handler: Arc::clone(&handler), address };
        tasks.spawn(async move {
            connection.run(stream, config, (slot, seat)).await;
        });
    }
}

struct Connection {
    limits: Arc<Limits>,
    handler: Handler,
    address: SocketAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<Arc<ServerConfig>>, _held: (OwnedSemaphorePermit, Seat)) {
        let _best_effort = stream.set_nodelay(true);
        match tls {
            Some(tls) => self.run_tls(stream, tls).await,
            None => self.talk(stream, None).await,
        }
    }

    async fn run_tls(self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let address = self.address;
        let handshake = TlsAcceptor::from(tls).accept(stream);
        let stream = match tokio::time::timeout(self.limits.head_timeout, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::info!(peer = %address, error = %error, "handshake refused"),
            Err(_) => return tracing::info!(peer = %address, "handshake too slow"),
        };
        // Nothing answers the client's last flight of TLS 1.3. A client that leaves Nagle's algorithm
        // on, as ConPaaS 2.0's does, would hold its request back until that flight is acknowledged,
        // which the kernel puts off for 40 ms.
        let _best_effort = stream.get_ref().0.set_quickack(true);
        let identity = match stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()) {
            None => None,
            Some(certificate) => match Identity::from_der(certificate) {
                Ok(identity) => Some(identity),
                Err(error) => return tracing::info!(peer = %address, error = %error, "client certificate refused"),
            },
        };
        self.talk(stream, identity).await;
    }

    /// Reads one request and answers it.
    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin, identity: Option<Identity>) {
        let address = self.address;
        let timeout = self.limits.connection_timeout;
        let mut http = hyper::server::conn::http1::Builder::new();
        http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(self.limits.head_timeout);
        http.max_buf_size(64 * 1024);
        let service = service_fn(|request| self.answer(request, identity.clone()));
        match tokio::time::timeout(timeout, http.serve_connection(TokioIo::new(stream), service)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(peer = %address, error = %error, "connection broke"),
            Err(_) => tracing::info!(peer = %address, "connection took too long"),
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        identity: Option<Identity>,
    ) -> Result<hyper::Response<super::response::ResponseBody>, std::convert::Infallible> {
        let (head, body) = request.into_parts();
        let content_type = head.headers.get(hyper::header::CONTENT_TYPE);
        let request = Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            content_type: content_type.and_then(|value| value.to_str().ok()).map(str::to_owned),
            headers: head.headers,
            caller: Caller::new(self.address, identity),
            body,
            limits: Arc::clone(&self.limits),
            is_too_slow: false,
        };
        Ok((self.handler)(request).await.into_hyper())
    }
}

/// Counts the connections of each address.
#[derive(Default)]
struct PerAddress {
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl PerAddress {
    fn enter(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Seat { room: Arc::clone(self), address })
    }
}

struct Seat {
    room: Arc<PerAddress>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.room.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
