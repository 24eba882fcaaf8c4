//! HTTP with what is not ConPaaS: a cloud's API, its metadata service.
//!
//! Here a server is known by its host name and an authority that this machine
//! trusts, as everywhere on the web; not by a role, as among ConPaaS's own.
//!
//! It stands beside the client of `client.rs`, which keeps connections and
//! knows peers by their certificates' roles, and beside `reqwest`, which OpenStack's
//! session shares with `osauth`. Over `reqwest` a refused certificate would be one
//! more failure to connect, which is tried again; here it ends a call at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// One request.
#[derive(Clone)]
pub(crate) struct WebRequest {
    /// The verb, such as `GET`.
    pub method: &'static str,
    /// Absolute: scheme, host, path and query.
    pub url: String,
    /// Further headers; may be secret.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

impl WebRequest {
    /// A GET without more headers.
    #[must_use]
    pub(crate) fn get(url: impl Into<String>) -> Self {
        WebRequest { method: "GET", url: url.into(), headers: Vec::new(), body: Vec::new() }
    }
}

/// An answer; any status is one.
#[derive(Debug, Clone)]
pub(crate) struct WebAnswer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// What was to be asked is no URL that this client can use.
    #[error("'{url}' cannot be used: {problem}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody listens there, or the network does not lead there: nothing was sent.
    #[error("cannot reach {host}")]
    Connect {
        /// Host and port.
        host: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server's certificate is not of a known authority, not valid now, or of another host.
    #[error("the certificate of {host} failed verification: {reason}")]
    Verification {
        /// Host and port.
        host: String,
        /// The TLS library's words.
        reason: String,
    },
    /// This machine trusts no authority at all.
    #[error("this machine has no certificates of authorities to check others by: install ca-certificates")]
    NoAuthorities,
    /// The connection broke before the whole answer was there. The request may have been carried out.
    #[error("the connection to {host} broke: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// What broke.
        reason: String,
    },
    /// No answer in time. The request may have been carried out.
    #[error("{host} did not answer within {} s", limit.as_secs_f32())]
    Timeout {
        /// Host and port.
        host: String,
        /// The time it had.
        limit: Duration,
    },
}

/// Asks one thing at a time, each on a connection of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct WebClient {
    limits: Arc<WebLimits>,
    /// None for a client that never needs it.
    tls: Option<Arc<ClientConfig>>,
    /// Where the server is, whatever its name leads to.
    address: Option<IpAddr>,
}

/// Bounds of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebLimits {
    /// Time for a connection to be there.
    pub connect: Duration,
    /// Time for all of it.
    pub whole: Duration,
    /// Largest answer in bytes.
    pub max_answer_bytes: usize,
}

impl WebClient {
    /// A client for `http://` alone.
    #[must_use]
    pub(crate) fn new(limits: WebLimits) -> Self {
        WebClient { limits: Arc::new(limits), tls: None, address: None }
    }

    /// A client for `https://` too, which knows servers by the authorities
    /// that this machine trusts (`SSL_CERT_FILE` names others). Blocking.
    ///
    /// # Errors
    /// It trusts none.
    pub(crate) fn with_tls(limits: WebLimits) -> Result<Self, WebError> {
        Self::trusting(limits, &[])
    }

    /// The same, which knows servers by `more` authorities besides. Blocking.
    ///
    /// # Errors
    /// There are none at all.
    pub(crate) fn trusting(limits: WebLimits, more: &[CertificateDer<'static>]) -> Result<Self, WebError> {
        let tls = Some(Arc::new(web_client_config(more)?));
        Ok(WebClient { limits: Arc::new(limits), tls, address: None })
    }

    /// The same for a server at this address: its name is not looked up once more.
    #[must_use]
    pub(crate) fn at(self, address: IpAddr) -> Self {
        WebClient { address: Some(address), ..self }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub(crate) async fn send(&self, request: &WebRequest) -> Result<WebAnswer, WebError> {
        let target = Target::parse(&request.url)?;
        match tokio::time::timeout(self.limits.whole, self.exchange(&target, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(WebError::Timeout { host: target.shown(), limit: self.limits.whole }),
        }
    }

    async fn exchange(&self, target: &Target, request: &WebRequest) -> Result<WebAnswer, WebError> {
        let unreachable = |source| WebError::Connect { host: target.shown(), source };
        let connecting = async {
            match self.address {
                Some(address) => TcpStream::connect((address, target.port)).await,
                None => TcpStream::connect((target.host.as_str(), target.port)).await,
            }
        };
        let stream = match tokio::time::timeout(self.limits.connect, connecting).await {
            Ok(stream) => stream.map_err(unreachable)?,
            Err(_) => return Err(unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        let _best_effort = stream.set_nodelay(true);
        match &self.tls {
            _ if !target.is_encrypted => self.talk(target, request, stream).await,
            Some(tls) => {
                let name = ServerName::try_from(target.host.clone())
                    .map_err(|_| WebError::Url { url: request.url.clone(), problem: "it names no host" })?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                self.talk(target, request, stream.map_err(|error| refused(target, error))?).await
            }
            None => Err(WebError::Url { url: request.url.clone(), problem: "it must begin with http://" }),
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        target: &Target,
        request: &WebRequest,
        stream: S,
    ) -> Result<WebAnswer, WebError> {
        let broken = |reason: String| WebError::Broken { host: target.shown(), reason };
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| broken(crate::sys::chain(&error)))?;
        let _ends_with_this_call = AbortOnDropHandle::new(tokio::spawn(connection));
        let message = target.message(request).map_err(&broken)?;
        let response = sender.send_request(message).await.map_err(|error| broken(crate::sys::chain(&error)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), self.limits.max_answer_bytes).collect().await;
        let body = body.map_err(|error| broken(error.to_string()))?.to_bytes();
        Ok(WebAnswer { status, body })
    }
}

/// TLS towards servers that are known by the authorities that this machine
/// trusts, and by `more`. Blocking.
///
/// # Errors
/// There are none.
pub(crate) fn web_client_config(more: &[CertificateDer<'static>]) -> Result<ClientConfig, WebError> {
    let mut roots = RootCertStore::empty();
    // Some of the hundred that a machine has may be of a sort that nobody uses any more.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(more.iter().cloned());
    if roots.is_empty() {
        return Err(WebError::NoAuthorities);
    }
    let versions = ClientConfig::builder_with_provider(super::tls::provider()).with_safe_default_protocol_versions();
    let builder = versions.expect("the provider speaks TLS 1.2 and 1.3");
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn refused(target: &Target, error: std::io::Error) -> WebError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            WebError::Verification { host: target.shown(), reason: reason.to_string() }
        }
        Some(other) => WebError::Broken { host: target.shown(), reason: other.to_string() },
        None => WebError::Connect { host: target.shown(), source: error },
    }
}

/// A URL taken apart.
struct Target {
    is_encrypted: bool,
    host: String,
    port: u16,
    /// As the `Host` header has it: without the port where it is the scheme's own.
    host_header: String,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Target, WebError> {
        let refuse = |problem| WebError::Url { url: url.to_owned(), problem };
        let parsed: Uri = url.parse().map_err(|_| refuse("it is no URL"))?;
        let (is_encrypted, own_port) = match parsed.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(refuse("it must begin with https:// or http://")),
        };
        let host = parsed.host().filter(|host| !host.is_empty()).ok_or_else(|| refuse("it names no host"))?.to_owned();
        let port = parsed.port_u16().unwrap_or(own_port);
        let host_header = if port == own_port { host.clone() } else { format!("{host}:{port}") };
        let path = parsed.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { is_encrypted, host, port, host_header, path })
    }

    fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn message(&self, request: &WebRequest) -> Result<hyper::Request<Full<Bytes>>, String> {
        let mut message = hyper::Request::new(Full::new(Bytes::from(request.body.clone())));
        *message.method_mut() = Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
        *message.uri_mut() = self.path.parse().map_err(|_| "the path cannot be sent".to_owned())?;
        let headers = message.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.host_header).map_err(|error| error.to_string())?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_or_refused() {
        let target = Target::parse("http://169.254.169.254/latest/user-data?x=1").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("169.254.169.254", 80, "/latest/user-data?x=1")
        );
        assert_eq!(target.host_header, "169.254.169.254");
        assert!(!target.is_encrypted);
        let secure = Target::parse("https://ec2.eu-west-1.amazonaws.com").unwrap();
        assert_eq!((secure.is_encrypted, secure.port, secure.path.as_str()), (true, 443, "/"));
        assert_eq!(Target::parse("http://h:8080").unwrap().host_header, "h:8080");
        for url in ["", "h", "/x", "ftp://h/", "http://"] {
            assert!(matches!(Target::parse(url), Err(WebError::Url { .. })), "{url}");
        }
    }

    #[tokio::test]
    async fn a_server_of_no_known_authority_is_not_talked_to() {
        use crate::pki::{Authority, CertificateName, Lifetime, Subject};
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let names = [CertificateName::Address("127.0.0.1".parse().unwrap())];
        let credentials = authority.issue(&Subject::director("x"), &names, Lifetime::NODE).unwrap();
        let config = crate::rpc::server_config(&credentials, crate::rpc::ClientAuthentication::Optional).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            tokio_rustls::TlsAcceptor::from(config).accept(stream).await.map(drop)
        });
        let limits = WebLimits { connect: LIMIT, whole: LIMIT, max_answer_bytes: 1000 };
        let client = WebClient::with_tls(limits.clone()).unwrap();
        let error = client.send(&WebRequest::get(&url)).await.unwrap_err();
        assert!(matches!(error, WebError::Verification { .. }), "{error}");
        assert!(server.await.unwrap().is_err());
        let plain = WebClient::new(limits).send(&WebRequest::get(&url)).await.unwrap_err();
        assert!(matches!(plain, WebError::Url { .. } | WebError::Connect { .. }), "{plain}");
    }

    const LIMIT: Duration = Duration::from_secs(20);
}
