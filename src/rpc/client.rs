//! The calling side: one connection a request, as the server closes it anyway.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::io::ReaderStream;

use super::call::{FileField, FormBody, RpcCall};
use super::jsonrpc::CallKind;
use super::tls::{PeerRule, TlsError, client_config};
use crate::pki::Credentials;

const MAX_ANSWER_BYTES: usize = 1024 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type RequestBody = BoxBody<Bytes, std::io::Error>;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there, or the network does not lead there. Repeating is safe: nothing was sent.
    #[error("cannot reach {endpoint}")]
    Connect {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The peer's certificate is not of the authority, is not valid now, or is of a wrong role.
    #[error("the certificate of {endpoint} failed verification: {reason}")]
    Verification {
        /// Who.
        endpoint: Endpoint,
        /// The TLS library's words.
        reason: String,
    },
    /// The peer refused this side's certificate, or TLS broke otherwise.
    #[error("cannot talk TLS with {endpoint}: {reason}")]
    Tls {
        /// Who.
        endpoint: Endpoint,
        /// The TLS library's words.
        reason: String,
    },
    /// The connection broke before the whole answer was there. The request may have been carried out.
    #[error("the connection to {endpoint} broke: {reason}")]
    Broken {
        /// Who.
        endpoint: Endpoint,
        /// What broke.
        reason: String,
    },
    /// No answer in time. The request may have been carried out.
    #[error("{endpoint} did not answer within {} s", limit.as_secs())]
    Timeout {
        /// Who.
        endpoint: Endpoint,
        /// The time it had.
        limit: Duration,
    },
    /// A file to be sent cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Why a remote method gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server refused the request: status and text.
    #[error("call to method {method} on {endpoint} failed: HTTP status {status}: {text}")]
    Status {
        /// The method.
        method: String,
        /// Who.
        endpoint: Endpoint,
        /// HTTP status.
        status: u16,
        /// The answer's text.
        text: String,
    },
    /// The method says why not; the text is for people.
    #[error("{0}")]
    Remote(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The file name of a download.
    pub filename: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

/// Speaks with servers of one kind, showing one certificate. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
    timeout: Duration,
}

impl Client {
    /// Returns a client that shows `credentials` and talks to whom `rule` allows.
    /// An answer must be whole within a minute; see [`Client::with_timeout`].
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn new(credentials: Option<&Credentials>, rule: PeerRule) -> Result<Self, TlsError> {
        Ok(Client { tls: client_config(credentials, rule)?, timeout: Duration::from_secs(60) })
    }

    /// Returns the same client with another limit for a whole answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a GET for `path` with `query`.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub async fn get(&self, endpoint: &Endpoint, path: &str, query: &[(&str, &str)]) -> Result<Answer, ClientError> {
        let target = with_query(path, query.iter().copied());
        self.send(endpoint, "GET", &target, Some("application/json"), empty(), Some(0)).await
    }

    /// Sends a form as multipart by POST.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub async fn post_form(&self, endpoint: &Endpoint, path: &str, form: &FormBody) -> Result<Answer, ClientError> {
        let (content_type, body, length) = multipart(&form.fields, &form.files).await?;
        self.send(endpoint, "POST", path, Some(&content_type), body, Some(length)).await
    }

    /// Calls a remote method and gives its result; bytes of a download come
    /// through [`Client::call_raw`].
    ///
    /// # Errors
    /// No answer, a refusal, or the method's own error.
    pub async fn call(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Value, CallError> {
        let answer = self.call_raw(endpoint, call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let Ok(Value::Object(mut reply)) = serde_json::from_str(&text) else {
            return Ok(Value::String(text.into_owned()));
        };
        match (reply.remove("result"), reply.get("error")) {
            (Some(result), _) => Ok(result),
            (None, Some(Value::String(error))) => Err(CallError::Remote(error.clone())),
            (None, Some(error)) if !error.is_null() => Err(CallError::Remote(error.to_string())),
            (None, _) => Ok(Value::Object(reply)),
        }
    }

    /// Calls a remote method and gives the whole answer of status 200.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn call_raw(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Answer, CallError> {
        let answer = match call.kind {
            CallKind::Get => {
                let service_id = call.service_id.to_string();
                let params = Value::Object(call.params.clone()).to_string();
                let mut query = vec![("service_id", service_id.as_str()), ("method", &call.method), ("id", "1")];
                if !call.params.is_empty() {
                    query.push(("params", &params));
                }
                self.get(endpoint, "/", &query).await?
            }
            CallKind::Post => {
                let body = json!({
                    "service_id": call.service_id, "method": call.method, "params": call.params, "id": "1"
                });
                let body = body.to_string();
                let length = body.len() as u64;
                self.send(endpoint, "POST", "/", Some("application/json"), full(body), Some(length)).await?
            }
            CallKind::Upload => {
                let mut fields = vec![
                    ("service_id".to_owned(), call.service_id.to_string()),
                    ("method".to_owned(), call.method.clone()),
                ];
                fields.extend(call.params.iter().map(|(name, value)| (name.clone(), plain(value))));
                let (content_type, body, length) = multipart(&fields, &call.files).await?;
                self.send(endpoint, "POST", "/", Some(&content_type), body, Some(length)).await?
            }
        };
        if answer.status == 200 {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer.body).chars().take(500).collect();
        let method = call.method.clone();
        Err(CallError::Status { method, endpoint: endpoint.clone(), status: answer.status, text })
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        method: &str,
        target: &str,
        content_type: Option<&str>,
        body: RequestBody,
        length: Option<u64>,
    ) -> Result<Answer, ClientError> {
        let exchange = async {
            let stream = self.connect(endpoint).await?;
            let broken = |error: &dyn fmt::Display| ClientError::Broken {
                endpoint: endpoint.clone(),
                reason: error.to_string(),
            };
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
            let driver = tokio::spawn(connection);
            let _ends_with_this_call = AbortOnDrop(driver.abort_handle());
            let mut request = hyper::Request::new(body);
            *request.method_mut() = method.parse().map_err(|error| broken(&error))?;
            *request.uri_mut() = target.parse().map_err(|error| broken(&error))?;
            let headers = request.headers_mut();
            let host = format!("{}:{}", endpoint.host, endpoint.port);
            headers.insert(HOST, HeaderValue::from_str(&host).map_err(|error| broken(&error))?);
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            if let Some(content_type) = content_type {
                headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).map_err(|error| broken(&error))?);
            }
            if let Some(length) = length.filter(|length| *length > 0) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            let response = sender.send_request(request).await.map_err(|error| refusal(endpoint, &error))?;
            read_answer(response).await.map_err(|error| broken(&error))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Timeout { endpoint: endpoint.clone(), limit: self.timeout }),
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<TlsStream<TcpStream>, ClientError> {
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
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await.map_err(|error| {
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

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
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

async fn read_answer(
    response: hyper::Response<hyper::body::Incoming>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = response.into_parts();
    let disposition = head.headers.get(hyper::header::CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
    let filename =
        disposition.and_then(|text| text.split("filename=").nth(1)).map(|name| name.trim_matches('"').to_owned());
    let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        // OpenSSL servers of old end a stream without saying so; what has come is whole, as upstream's clients hold.
        Err(error) => return Err(error),
    };
    Ok(Answer { status: head.status.as_u16(), filename, body })
}

fn with_query<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    if encoded.is_empty() { path.to_owned() } else { format!("{path}?{encoded}") }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn full(text: impl Into<Bytes>) -> RequestBody {
    Full::from(text.into()).map_err(|never| match never {}).boxed()
}

fn empty() -> RequestBody {
    full(Bytes::new())
}

async fn multipart(
    fields: &[(String, String)],
    files: &[FileField],
) -> Result<(String, RequestBody, u64), ClientError> {
    let boundary = format!("----conpaas-{}", crate::sys::random::alphanumeric(24));
    let mut parts: Vec<Part> = Vec::new();
    let mut length = 0;
    let mut text = String::new();
    for (name, value) in fields {
        let name = quoted(name);
        text += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    for (name, path, filename) in files {
        let fail = |source| ClientError::File { path: path.clone(), source };
        let file = tokio::fs::File::open(path).await.map_err(fail)?;
        let size = file.metadata().await.map_err(fail)?.len();
        text += &format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            quoted(name),
            quoted(filename)
        );
        length += text.len() as u64 + size;
        parts.push(Part::Text(std::mem::take(&mut text).into()));
        parts.push(Part::File(file, size));
        text += "\r\n";
    }
    text += &format!("--{boundary}--\r\n");
    length += text.len() as u64;
    parts.push(Part::Text(text.into()));
    let body = StreamBody::new(stream::iter(parts).flat_map(Part::into_stream).map_ok(Frame::data));
    Ok((format!("multipart/form-data; boundary={boundary}"), BodyExt::boxed(SyncBody::new(body)), length))
}

fn quoted(text: &str) -> String {
    text.replace(['"', '\r', '\n'], "_")
}

enum Part {
    Text(Bytes),
    File(tokio::fs::File, u64),
}

impl Part {
    fn into_stream(self) -> stream::BoxStream<'static, Result<Bytes, std::io::Error>> {
        use tokio::io::AsyncReadExt;
        match self {
            Part::Text(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Part::File(file, size) => ReaderStream::with_capacity(file.take(size), 64 * 1024).boxed(),
        }
    }
}

/// Lets a body that is only `Send` stand where `Sync` is asked: it is never shared.
struct SyncBody<B>(std::sync::Mutex<B>);

impl<B> SyncBody<B> {
    fn new(body: B) -> Self {
        SyncBody(std::sync::Mutex::new(body))
    }
}

impl<B: hyper::body::Body + Unpin> hyper::body::Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::pin::Pin::new(body).poll_frame(context)
    }
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
