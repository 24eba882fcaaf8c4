//! The listener: accepts, shakes hands where it talks TLS, reads one request, answers, closes.
//!
//! Must not know what is asked or answered.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::Version;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::crowd::{Activity, Budget, Party, Patience, Seats, Watched};
use super::kept_connections::wants_to_keep;
use super::limits::Limits;
use super::request::{Caller, Request};
use super::response::{Response, ResponseBody};
use crate::pki::Identity;

/// The function of a role that answers requests.
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

/// Accepts connections like [`serve`] but without TLS, for what is nobody's secret: anybody on the way can
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

/// Accepts connections of browsers like [`serve`]: over TLS, without certificates, and for one request after the other.
pub(crate) async fn serve_pages(
    listener: TcpListener,
    tls: Arc<RwLock<Arc<ServerConfig>>>,
    limits: Limits,
    handler: Handler,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    accept(listener, Transport::Pages(tls), limits, handler, tasks, stop).await;
}

/// The way of bytes between the two sides.
enum Transport {
    Tls(Arc<RwLock<Arc<ServerConfig>>>),
    /// To browsers, which keep connections and show sessions instead of certificates.
    Pages(Arc<RwLock<Arc<ServerConfig>>>),
    Plain,
}

impl Transport {
    fn is_for_browsers(&self) -> bool {
        matches!(self, Transport::Pages(_))
    }
}

/// What all connections of a listener share.
struct Listener {
    transport: Transport,
    limits: Arc<Limits>,
    handler: Handler,
    seats: Arc<Seats>,
    memory: Arc<Budget>,
    uploads: Arc<Budget>,
    stop: CancellationToken,
}

impl Listener {
    fn new(transport: Transport, limits: Limits, handler: Handler, stop: CancellationToken) -> Self {
        let n_known = match transport {
            Transport::Tls(_) | Transport::Pages(_) => limits.max_connections.div_ceil(2),
            Transport::Plain => 0,
        };
        let (memory, upload) = (limits.max_memory_bytes, limits.max_body_bytes);
        let all = upload.saturating_mul(UPLOADS_HELD);
        Listener {
            transport,
            handler,
            seats: Seats::new(limits.max_connections - n_known, n_known),
            memory: Budget::new(memory, memory / 2, u64::MAX),
            uploads: Budget::new(all, all / 2, upload.saturating_mul(UPLOADS_AN_HOUR)),
            limits: Arc::new(limits),
            stop,
        }
    }
}

/// As large as they may be: files of all callers that lie on the disk at once. One caller has half of them.
const UPLOADS_HELD: u64 = 4;
/// As large as they may be: files of one caller within an hour.
const UPLOADS_AN_HOUR: u64 = 32;

async fn accept(
    listener: TcpListener,
    transport: Transport,
    limits: Limits,
    handler: Handler,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let shared = Arc::new(Listener::new(transport, limits, handler, stop.clone()));
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors or memory: a slow stranger gives way, others will close soon.
                    tracing::warn!(error = %error, "cannot accept a connection");
                    shared.seats.evict_stranger();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let party = Party::Stranger(shared.limits.origins.of(address.ip()));
        let Some(seat) = shared.seats.enter(party) else {
            tracing::debug!(peer = %address, "all connections of strangers are at work");
            continue;
        };
        let connection = Connection { seat, activity: Activity::new(), uploads: Arc::clone(&shared.uploads) };
        let open = Open { shared: Arc::clone(&shared), connection: Arc::new(connection), address };
        tasks.spawn(open.run(stream));
    }
}

/// One open connection.
struct Open {
    shared: Arc<Listener>,
    connection: Arc<Connection>,
    address: SocketAddr,
}

impl Open {
    async fn run(self, stream: TcpStream) {
        let (end, address) = (self.connection.seat.end(), self.address);
        tokio::select! {
            () = self.serve(stream) => {}
            () = end.cancelled() => tracing::debug!(peer = %address, "a slow connection gave way to others"),
        }
    }

    async fn serve(self, stream: TcpStream) {
        let _best_effort = stream.set_nodelay(true);
        let tls = match &self.shared.transport {
            Transport::Tls(config) | Transport::Pages(config) => {
                Some(Arc::clone(&config.read().unwrap_or_else(PoisonError::into_inner)))
            }
            Transport::Plain => None,
        };
        match tls {
            Some(tls) => self.serve_tls(stream, tls).await,
            None => self.talk(stream, None, Protocol::Http1).await,
        }
    }

    async fn serve_tls(self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let address = self.address;
        let handshake = TlsAcceptor::from(tls).accept(stream);
        let stream = match tokio::time::timeout(self.shared.limits.head_timeout, handshake).await {
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
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        self.talk(stream, identity, protocol).await;
    }

    /// Reads one request and answers it; and more, if the caller may keep the connection.
    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        identity: Option<Identity>,
        protocol: Protocol,
    ) {
        let (address, limits) = (self.address, Arc::clone(&self.shared.limits));
        let party = identity.as_ref().and_then(Party::of);
        let has_place = party.is_none_or(|party| self.connection.seat.become_known(party));
        let is_browser = self.shared.transport.is_for_browsers();
        let patience = Patience {
            pause: limits.body_pause,
            work: limits.work_timeout,
            // What a browser keeps open has pauses.
            slowest_bytes_per_second: (party.is_none() && !is_browser).then_some(SLOWEST_BYTES_PER_SECOND),
        };
        let (activity, stop) = (self.connection.activity.clone(), self.shared.stop.clone());
        let stream = TokioIo::new(Watched::new(stream, activity.clone()));
        let http = http(protocol, is_browser || party.is_some(), &limits);
        let own = Arc::new(self);
        let service = service_fn(move |request| {
            let (own, identity) = (Arc::clone(&own), identity.clone());
            async move { own.answer(request, identity, has_place).await }
        });
        let served = http.serve_connection(stream, service);
        tokio::pin!(served);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = &mut served => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %address, error = %error, "connection broke");
                    }
                    return;
                }
                () = activity.stalled(patience) => {
                    return tracing::info!(peer = %address, "connection took too long");
                }
                // One that waits for another request ends. A request that is there gets its answer, the last one.
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    if activity.has_answered() {
                        served.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        identity: Option<Identity>,
        has_place: bool,
    ) -> Result<hyper::Response<ResponseBody>, std::convert::Infallible> {
        if !has_place {
            let words = "too many of your requests are being worked on: wait for one of them, then try again";
            return Ok(closing(Response::plain_refusal(503, words).into_hyper()));
        }
        let (mut head, body) = request.into_parts();
        let may_keep = self.shared.transport.is_for_browsers() || identity.is_some() && wants_to_keep(&head.headers);
        // Only the first version of HTTP has headers for the host, and for the end of the connection.
        let has_header_of_end = head.version < Version::HTTP_2;
        let authority = head.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        if let (Some(host), false) = (authority, head.headers.contains_key(HOST)) {
            head.headers.insert(HOST, host);
        }
        self.connection.begin_request();
        let content_type = head.headers.get(hyper::header::CONTENT_TYPE);
        let request = Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            content_type: content_type.and_then(|value| value.to_str().ok()).map(str::to_owned),
            headers: head.headers,
            caller: Caller::new(self.address, identity.clone()),
            body,
            limits: Arc::clone(&self.shared.limits),
            is_known: identity.is_some(),
            is_too_slow: false,
            memory: self.shared.memory.grant(self.connection.seat.party()),
            connection: Arc::clone(&self.connection),
        };
        let response = (self.shared.handler)(request).await;
        self.connection.begin_answer();
        let is_last = has_header_of_end && (!may_keep || self.shared.stop.is_cancelled());
        Ok(if is_last { closing(response.into_hyper()) } else { response.into_hyper() })
    }
}

/// Says that the connection is closed after this answer.
fn closing(mut response: hyper::Response<ResponseBody>) -> hyper::Response<ResponseBody> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

fn http(protocol: Protocol, may_keep: bool, limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().keep_alive(may_keep).timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
    http.http1().max_buf_size(64 * 1024);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(64 * 1024);
    match protocol {
        Protocol::Http1 => http.http1_only(),
        Protocol::Http2 => http.http2_only(),
    }
}

/// Requests of one browser at once.
const MAX_STREAMS: u32 = 32;
/// Of an answer to a stranger.
const SLOWEST_BYTES_PER_SECOND: u64 = 1000;
