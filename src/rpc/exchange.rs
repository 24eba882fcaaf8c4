//! One request: sent, answered, and bounded in size and time.
//!
//! A short answer is asked for on a connection that is kept, where there is one. A request whose connection breaks is
//! sent once more only if nothing of it was sent, or if it changes nothing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::Answer;
use super::client_error::ClientError;
use super::endpoint::Endpoint;
use super::form_body::Body;
use super::kept_connections::{KeptConnections, OpenConnection, RequestBody};
use super::known_nodes::KnownNodes;
use super::progress::Progress;
use crate::sys::pipe::ByteStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of the head of an answer, and what is read ahead of its body.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;
/// Between two pieces of a stream: whoever makes it may have to work for a piece.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// One request to one server.
pub(super) struct Exchange<'a> {
    pub(super) tls: &'a Arc<ClientConfig>,
    /// Where a connection is kept for the next request, if it is.
    pub(super) kept: Option<&'a KeptConnections>,
    /// Which servers are not called any more.
    pub(super) known: &'a KnownNodes,
    pub(super) endpoint: &'a Endpoint,
    /// From the last byte of the request to the last one of an answer that is no file.
    pub(super) timeout: Duration,
    pub(super) max_answer_bytes: u64,
}

/// What came of a request for a stream.
pub(super) enum Opened {
    /// The bytes of a file, as they come.
    Stream(ByteStream),
    /// The answer is no file.
    Answer(Answer),
}

/// What came of a request for a file.
pub(super) enum Taken {
    /// The file was written; its size in bytes.
    File(u64),
    /// The answer is no file.
    Answer(Answer),
}

impl Exchange<'_> {
    /// Sends a request and reads the answer.
    pub(super) async fn send(&self, method: &str, target: &str, body: Body) -> Result<Answer, ClientError> {
        let progress = Progress::new();
        let exchange = async {
            let (response, connection) = self.ask(method, target, body, &progress).await?;
            let answer = self.read_answer(response).await?;
            if let Some(kept) = self.kept {
                kept.keep(self.endpoint, connection);
            }
            Ok(answer)
        };
        self.in_time(exchange, &progress).await
    }

    /// Sends a request and writes the file that is the answer, up to `max_bytes` of it, as it comes.
    pub(super) async fn fetch(
        &self,
        method: &str,
        target: &str,
        body: Body,
        file: &Path,
        max_bytes: u64,
    ) -> Result<Taken, ClientError> {
        let progress = Progress::new();
        let exchange = async {
            let (response, _connection) = self.request(method, target, body, &progress).await?;
            if response.status() != hyper::StatusCode::OK || filename(&response).is_none() {
                return self.read_answer(response).await.map(Taken::Answer);
            }
            self.write_file(response, file, max_bytes, &progress).await.map(Taken::File)
        };
        self.in_time(exchange, &progress).await
    }

    /// Sends a request and returns the file that is the answer as a stream, which may be of any size and ends with an
    /// error when nothing comes for a while.
    pub(super) async fn open(&self, method: &str, target: &str, body: Body) -> Result<Opened, ClientError> {
        let progress = Progress::new();
        let exchange = async {
            let (response, connection) = self.request(method, target, body, &progress).await?;
            if response.status() != hyper::StatusCode::OK || filename(&response).is_none() {
                return self.read_answer(response).await.map(Opened::Answer);
            }
            let receiving = (response.into_body(), connection);
            Ok(Opened::Stream(stream::try_unfold(receiving, next_piece).boxed()))
        };
        self.in_time(exchange, &progress).await
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ClientError>>,
        progress: &Progress,
    ) -> Result<T, ClientError> {
        tokio::select! {
            outcome = exchange => outcome,
            () = progress.stalled(self.timeout) => {
                Err(ClientError::Timeout { endpoint: self.endpoint.clone(), limit: self.timeout })
            }
        }
    }

    /// Sends a request on a connection that is kept, or else on one of its own, and returns the head of the answer.
    async fn ask(
        &self,
        method: &str,
        target: &str,
        body: Body,
        progress: &Progress,
    ) -> Result<(hyper::Response<Incoming>, OpenConnection), ClientError> {
        let Some(kept) = self.kept else { return self.request(method, target, body, progress).await };
        let request = self.compose((method, target), body, "keep-alive", progress)?;
        let Some(mut connection) = kept.take(self.endpoint, self.known).await else {
            return self.send_on(self.open_connection().await?, request).await;
        };
        let unanswered = match connection.send(request).await {
            Ok(response) => return Ok((response, connection)),
            Err(unanswered) => unanswered,
        };
        let again = match unanswered.unsent {
            Some(request) => request,
            None if method == "GET" => self.compose((method, target), Body::empty(), "keep-alive", progress)?,
            None => return Err(refusal(self.endpoint, &unanswered.error)),
        };
        self.send_on(self.open_connection().await?, again).await
    }

    /// Sends a request on a connection of its own and returns the head of the answer; the connection lives as long as
    /// the second value.
    async fn request(
        &self,
        method: &str,
        target: &str,
        body: Body,
        progress: &Progress,
    ) -> Result<(hyper::Response<Incoming>, OpenConnection), ClientError> {
        let connection = self.open_connection().await?;
        self.send_on(connection, self.compose((method, target), body, "close", progress)?).await
    }

    async fn send_on(
        &self,
        mut connection: OpenConnection,
        request: hyper::Request<RequestBody>,
    ) -> Result<(hyper::Response<Incoming>, OpenConnection), ClientError> {
        match connection.send(request).await {
            Ok(response) => Ok((response, connection)),
            Err(unanswered) => Err(refusal(self.endpoint, &unanswered.error)),
        }
    }

    fn compose(
        &self,
        (method, target): (&str, &str),
        body: Body,
        connection: &'static str,
        progress: &Progress,
    ) -> Result<hyper::Request<RequestBody>, ClientError> {
        let broken = |error: &dyn fmt::Display| self.broken(error);
        let (length, sending) = (body.length, progress.sending(body.length));
        let stream = body.stream.map_frame(move |frame| {
            sending.moved(frame.data_ref().map_or(0, Bytes::len) as u64);
            frame
        });
        let mut request = hyper::Request::new(stream.boxed());
        *request.method_mut() = method.parse().map_err(|error| broken(&error))?;
        *request.uri_mut() = target.parse().map_err(|error| broken(&error))?;
        let headers = request.headers_mut();
        let host = format!("{}:{}", self.endpoint.host, self.endpoint.port);
        headers.insert(HOST, HeaderValue::from_str(&host).map_err(|error| broken(&error))?);
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let content_type = HeaderValue::from_str(&body.content_type).map_err(|error| broken(&error))?;
        headers.insert(CONTENT_TYPE, content_type);
        if length > 0 {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(request)
    }

    async fn read_answer(&self, response: hyper::Response<Incoming>) -> Result<Answer, ClientError> {
        self.refuse_larger(&response, self.max_answer_bytes)?;
        let (status, filename) = (response.status().as_u16(), filename(&response));
        let max_bytes = usize::try_from(self.max_answer_bytes).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), max_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { self.too_large(self.max_answer_bytes) } else { self.broken(&error) }
        })?;
        Ok(Answer { status, filename, body: body.to_bytes() })
    }

    async fn write_file(
        &self,
        response: hyper::Response<Incoming>,
        path: &Path,
        max_bytes: u64,
        progress: &Progress,
    ) -> Result<u64, ClientError> {
        self.refuse_larger(&response, max_bytes)?;
        let unwritten = |source| ClientError::File { verb: "write", path: path.to_owned(), source };
        let mut file = tokio::fs::File::create(path).await.map_err(unwritten)?;
        let (mut body, mut n_bytes) = (response.into_body(), 0);
        let receiving = progress.receiving();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|error| self.broken(&error))?.into_data() else { continue };
            n_bytes += piece.len() as u64;
            if n_bytes > max_bytes {
                return Err(self.too_large(max_bytes));
            }
            receiving.moved(piece.len() as u64);
            file.write_all(&piece).await.map_err(unwritten)?;
        }
        file.sync_all().await.map_err(unwritten)?;
        Ok(n_bytes)
    }

    /// Refuses an answer that says itself that it is too large.
    fn refuse_larger(&self, response: &hyper::Response<Incoming>, max_bytes: u64) -> Result<(), ClientError> {
        let is_larger = response.body().size_hint().lower() > max_bytes;
        if is_larger { Err(self.too_large(max_bytes)) } else { Ok(()) }
    }

    fn too_large(&self, max_bytes: u64) -> ClientError {
        ClientError::TooLarge { endpoint: self.endpoint.clone(), max_bytes }
    }

    fn broken(&self, error: &dyn fmt::Display) -> ClientError {
        ClientError::Broken { endpoint: self.endpoint.clone(), reason: error.to_string() }
    }

    async fn open_connection(&self) -> Result<OpenConnection, ClientError> {
        let stream = self.connect().await?;
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| chain.first()).map(|certificate| certificate.to_vec());
        let mut http = hyper::client::conn::http1::Builder::new();
        http.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
        let (sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        Ok(OpenConnection::new(sender, certificate, tokio::spawn(connection).abort_handle()))
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, ClientError> {
        let endpoint = self.endpoint;
        let unreachable = |source| ClientError::Connect { endpoint: endpoint.clone(), source };
        let connecting = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT.min(self.timeout), connecting).await {
            Ok(stream) => stream.map_err(unreachable)?,
            Err(_) => return Err(unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        let _best_effort = stream.set_nodelay(true);
        let _also = keep_alive(&stream);
        let name = ServerName::try_from(endpoint.host.clone())
            .unwrap_or_else(|_| ServerName::try_from("conpaas.invalid").expect("a fixed valid name"));
        TlsConnector::from(Arc::clone(self.tls)).connect(name, stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidCertificate(reason)) => {
                    ClientError::Verification { endpoint: endpoint.clone(), reason: reason.to_string() }
                }
                Some(other) => ClientError::Tls { endpoint: endpoint.clone(), reason: other.to_string() },
                None => unreachable(error),
            }
        })
    }
}

async fn next_piece(
    (mut body, connection): (Incoming, OpenConnection),
) -> std::io::Result<Option<(Bytes, (Incoming, OpenConnection))>> {
    loop {
        let frame = tokio::time::timeout(LONGEST_PAUSE, body.frame()).await.map_err(std::io::Error::from)?;
        match frame.transpose().map_err(std::io::Error::other)? {
            None => return Ok(None),
            Some(frame) => match frame.into_data() {
                Ok(piece) => return Ok(Some((piece, (body, connection)))),
                Err(_trailers) => {}
            },
        }
    }
}

/// In TLS 1.3 a server refuses a client's certificate only after the
/// handshake, so that the refusal comes with the first answer.
fn refusal(endpoint: &Endpoint, error: &hyper::Error) -> ClientError {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = source {
        if let Some(tls) = inner.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref())
            && let Some(rustls::Error::AlertReceived(alert)) = tls.downcast_ref::<rustls::Error>()
        {
            let reason = format!("the peer refused: {alert:?}");
            return ClientError::Tls { endpoint: endpoint.clone(), reason };
        }
        source = inner.source();
    }
    ClientError::Broken { endpoint: endpoint.clone(), reason: error.to_string() }
}

/// The name is a stranger's: never a path.
fn filename(response: &hyper::Response<Incoming>) -> Option<String> {
    let disposition = response.headers().get(CONTENT_DISPOSITION)?.to_str().ok()?;
    disposition.split("filename=").nth(1).map(|name| name.trim_matches('"').to_owned())
}

/// An answer may take minutes, and what translates addresses on the way may
/// forget the connection meanwhile: then nobody would ever hear of it. So it is
/// asked now and then whether the other side is there still. A machine that lost
/// its power in the middle of a request does not say so either.
fn keep_alive(stream: &TcpStream) -> nix::Result<()> {
    const IDLE_S: u32 = 5;
    const INTERVAL_S: u32 = 3;
    const PROBES: u32 = 4;
    const UNACKNOWLEDGED_MS: u32 = 30_000;
    setsockopt(stream, sockopt::TcpKeepIdle, &IDLE_S)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &INTERVAL_S)?;
    setsockopt(stream, sockopt::TcpKeepCount, &PROBES)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &UNACKNOWLEDGED_MS)?;
    setsockopt(stream, sockopt::KeepAlive, &true)
}
