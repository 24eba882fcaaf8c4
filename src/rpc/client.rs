//! The calling side: one connection a request, as the server closes it anyway.
//!
//! Must not know what a path or a method means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::call::RpcCall;
use super::client_error::{CallError, ClientError};
use super::endpoint::Endpoint;
use super::form_body::{Body, FormBody};
use super::jsonrpc::CallKind;
use super::peer_rule::PeerRule;
use super::tls::{TlsError, client_config};
use crate::pki::Credentials;

const MAX_ANSWER_BYTES: usize = 1024 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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
        self.send(endpoint, "GET", &with_query(path, query), Body::empty()).await
    }

    /// Sends a form as multipart by POST.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub async fn post_form(&self, endpoint: &Endpoint, path: &str, form: &FormBody) -> Result<Answer, ClientError> {
        self.send(endpoint, "POST", path, Body::multipart(form).await?).await
    }

    /// Calls a remote method and returns its result; bytes of a download come
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

    /// Calls a remote method and returns the whole answer of status 200.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn call_raw(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Answer, CallError> {
        let answer = match call.kind() {
            CallKind::Get => {
                self.get(
                    endpoint,
                    "/",
                    &call.query().iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
                )
                .await?
            }
            CallKind::Post => self.send(endpoint, "POST", "/", Body::json(call.envelope())).await?,
            CallKind::Upload => self.post_form(endpoint, "/", &call.form()).await?,
        };
        if answer.status == 200 {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer.body).chars().take(500).collect();
        let method = call.method().to_owned();
        Err(CallError::Status { method, endpoint: endpoint.clone(), status: answer.status, text })
    }

    async fn send(&self, endpoint: &Endpoint, method: &str, target: &str, body: Body) -> Result<Answer, ClientError> {
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
            let mut request = hyper::Request::new(body.stream);
            *request.method_mut() = method.parse().map_err(|error| broken(&error))?;
            *request.uri_mut() = target.parse().map_err(|error| broken(&error))?;
            let headers = request.headers_mut();
            let host = format!("{}:{}", endpoint.host, endpoint.port);
            headers.insert(HOST, HeaderValue::from_str(&host).map_err(|error| broken(&error))?);
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            let content_type = HeaderValue::from_str(&body.content_type).map_err(|error| broken(&error))?;
            headers.insert(CONTENT_TYPE, content_type);
            if body.length > 0 {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.length));
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

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    if encoded.is_empty() { path.to_owned() } else { format!("{path}?{encoded}") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_none_leaves_the_path_as_it_is() {
        assert_eq!(with_query("/x", &[]), "/x");
        assert_eq!(with_query("/", &[("a", "1 & 2"), ("b", "ä")]), "/?a=1+%26+2&b=%C3%A4");
    }
}
