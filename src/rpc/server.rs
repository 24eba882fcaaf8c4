//! The listener: accepts, shakes hands where it talks TLS, reads one request, answers, closes.
//!
//! Must not know what is asked or answered.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

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

use super::limits::Limits;
use super::per_address::{PerAddress, Seat};
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

/// The way of bytes between the two sides.
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
    ) -> Result<hyper::Response<ResponseBody>, std::convert::Infallible> {
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
