//! Calls of OpenStack's services: one token for all of them, JSON in and out.
//!
//! Tokens and calls go over one `reqwest` client, the only one that `osauth`
//! takes. `rpc`'s client for the web holds bodies in memory, so that no image
//! could be uploaded over it.
//!
//! The crate `osauth` gets the token, renews it before it expires, and knows
//! from the catalog where each service is. The calls are sent here, because
//! whether one may be repeated follows from what became of it:
//!
//! - it was never sent, or the service says "not now" (429, 503): repeated;
//! - the token is refused (401): again with a new one;
//! - the answer was lost, or the service broke: repeated only where that makes
//!   nothing twice ([`Repeat::Safe`](super::call::Repeat::Safe)); OpenStack's calls that make something
//!   carry no token by which it could know a repeated one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use osauth::common::IdOrName;
use osauth::identity::Password;
use osauth::{AuthType, EndpointFilters, ErrorKind};
use reqwest::{Client, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::de::DeserializeOwned;

use super::call::{Call, CallError, Service};
use super::refusal::check_status;
use crate::config::OpenStackConfig;
use crate::rpc::{WebError, web_client_config};
use crate::sys::chain;
use crate::task::crash_point;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const WHOLE_LIMIT: Duration = Duration::from_secs(60);
/// An image of some GB over a slow line.
const UPLOAD_LIMIT: Duration = Duration::from_secs(3600);
/// For how long a call is repeated.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where somebody waits to be told what is wrong.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);
/// Keystone dates tokens by the second: one that is made in the second in which it took others back counts as one of them.
const DATE_OF_TOKEN: Duration = Duration::from_millis(1100);
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// One user in one project of one cloud. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session {
    client: Client,
    auth_url: String,
    region: Option<String>,
    filters: EndpointFilters,
    /// With its token; another one takes its place when that is refused.
    login: Arc<Mutex<Arc<Password>>>,
    patience: Duration,
}

impl Session {
    /// Asks nobody yet. Blocking: reads the authorities that are trusted.
    pub(crate) fn new(config: &OpenStackConfig) -> Result<Session, String> {
        let client = Client::builder()
            .use_preconfigured_tls(trust(config)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            // A kept connection that its server has closed meanwhile would leave a call in doubt.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| chain(&error))?;
        let password = config.password.reveal();
        let login = Password::new(&config.auth_url, config.user.as_str(), password, config.user_domain.as_str())
            .map_err(|error| error.to_string())?
            .with_project_scope(IdOrName::Name(config.project.clone()), IdOrName::Name(config.project_domain.clone()));
        let mut filters = EndpointFilters::default();
        filters.region.clone_from(&config.region);
        Ok(Session {
            client,
            auth_url: config.auth_url.clone(),
            region: config.region.clone(),
            filters,
            login: Arc::new(Mutex::new(Arc::new(login))),
            patience: PATIENCE,
        })
    }

    /// The same, which gives up soon.
    pub(crate) fn hasty(&self) -> Session {
        Session { patience: SHORT_PATIENCE, ..self.clone() }
    }

    /// Sends a call, again and again while that may help and makes nothing
    /// twice, and reads the answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: &Call) -> Result<T, CallError> {
        let (status, body) = self.send(call).await?;
        let malformed =
            |error: serde_json::Error| CallError::Malformed { call: call.name, status, reason: error.to_string() };
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// The same where only the status matters.
    pub(crate) async fn done(&self, call: &Call) -> Result<(), CallError> {
        self.send(call).await.map(drop)
    }

    /// The same for what may be gone already.
    pub(crate) async fn fetch_if_there<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>, CallError> {
        match self.fetch(call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a file's content to `path` of the image service, once.
    pub(crate) async fn upload(&self, path: &str, file: tokio::fs::File) -> Result<(), CallError> {
        let url = self.url(Service::Image, path).await?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, 1 << 20);
        let request = self
            .client
            .put(url.clone())
            .timeout(UPLOAD_LIMIT)
            .header("content-type", "application/octet-stream")
            .body(reqwest::Body::wrap_stream(stream));
        let request = self.sign(&self.login(), request).await?;
        let (status, body) = self.answer(&url, request.send().await).await?;
        crash_point("openstack.upload_image");
        check_status(status, &body)
    }

    /// Whether keystone knows user, password and project.
    pub(crate) async fn log_in(&self) -> Result<(), CallError> {
        let login = self.login();
        match login.refresh(&self.client).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.login_failed(&error).await),
        }
    }

    /// The services that the catalog leaves out, by their names in it.
    pub(crate) async fn missing_services(&self) -> Result<Vec<&'static str>, CallError> {
        let mut missing = Vec::new();
        for service in [Service::Compute, Service::Network, Service::Image, Service::Volume] {
            match self.url(service, "").await {
                Ok(_) => {}
                Err(CallError::NoService { service, .. }) => missing.push(service),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    async fn send(&self, call: &Call) -> Result<(u16, Vec<u8>), CallError> {
        let back_off = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_factor(2.0)
            .with_jitter()
            .with_total_delay(Some(self.patience))
            .without_max_times();
        let outcome = (|| self.once(call))
            .retry(back_off)
            .when(|error| error.may_pass(call.repeat))
            .notify(|error, pause| {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(call = call.name, pause_ms, error = %error, "asking a cloud again");
            })
            .await;
        crash_point(&format!("openstack.{}", call.name));
        outcome
    }

    async fn once(&self, call: &Call) -> Result<(u16, Vec<u8>), CallError> {
        let mut login = self.login();
        for pause in [Duration::ZERO, DATE_OF_TOKEN] {
            let outcome = self.attempt(call, &login).await;
            if !matches!(outcome, Err(CallError::Refused { status: 401, .. })) {
                return outcome;
            }
            // Keystone has forgotten the token before its time, or the service could not ask about it.
            tokio::time::sleep(pause).await;
            login = self.login_instead_of(&login);
        }
        self.attempt(call, &login).await
    }

    async fn attempt(&self, call: &Call, login: &Password) -> Result<(u16, Vec<u8>), CallError> {
        let url = self.url(call.service, &call.path).await?;
        let mut request = self.client.request(call.method.clone(), url.clone()).timeout(WHOLE_LIMIT);
        request = request.header("accept", "application/json");
        if let Some(version) = call.service.version_header() {
            request = request.header("openstack-api-version", version);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let request = self.sign(login, request).await?;
        let (status, body) = self.answer(&url, request.send().await).await?;
        check_status(status, &body)?;
        Ok((status, body))
    }

    async fn sign(
        &self,
        login: &Password,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::RequestBuilder, CallError> {
        match login.authenticate(&self.client, request).await {
            Ok(request) => Ok(request),
            Err(error) => Err(self.login_failed(&error).await),
        }
    }

    async fn answer(
        &self,
        url: &Url,
        outcome: Result<reqwest::Response, reqwest::Error>,
    ) -> Result<(u16, Vec<u8>), CallError> {
        let lost = |reason: String| CallError::Lost { host: host(url), reason };
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => return Err(no_answer(url, &error)),
        };
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| lost(reason(&error)))? {
            body.extend_from_slice(&part);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(lost(format!("it is longer than {MAX_ANSWER_BYTES} bytes")));
            }
        }
        Ok((status, body))
    }

    /// Where `path` of a service is.
    async fn url(&self, service: Service, path: &str) -> Result<Url, CallError> {
        let login = self.login();
        for name in service.types() {
            match login.get_endpoint(&self.client, name, &self.filters).await {
                Ok(base) => return place(&base, service, path),
                Err(error) if error.kind() == ErrorKind::EndpointNotFound => {}
                Err(error) => return Err(self.login_failed(&error).await),
            }
        }
        let region = self.region.as_ref().map_or_else(|| "the cloud".to_owned(), |region| format!("region {region}"));
        Err(CallError::NoService { service: service.types()[0], place: region })
    }

    fn login(&self) -> Arc<Password> {
        Arc::clone(&self.login.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A login without a token in the place of one whose token is refused,
    /// unless another call was faster.
    fn login_instead_of(&self, refused: &Arc<Password>) -> Arc<Password> {
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&login, refused) {
            *login = Arc::new(Password::clone(refused));
        }
        Arc::clone(&login)
    }

    /// What became of a login. The crate keeps no cause, so keystone is asked
    /// once more where it did not answer.
    async fn login_failed(&self, error: &osauth::Error) -> CallError {
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::AccessDenied => CallError::Login(error.to_string()),
            ErrorKind::ProtocolError => match self.client.get(&self.auth_url).timeout(CONNECT_LIMIT).send().await {
                Err(cause) => match Url::parse(&self.auth_url) {
                    Ok(url) => CallError::Unreachable { host: host(&url), reason: reason(&cause) },
                    Err(_) => CallError::Unreachable { host: self.auth_url.clone(), reason: reason(&cause) },
                },
                // It is there again: the login made nothing, so all may be tried again.
                Ok(_) => CallError::Unreachable { host: self.auth_url.clone(), reason: error.to_string() },
            },
            ErrorKind::InternalServerError => {
                CallError::Unreachable { host: self.auth_url.clone(), reason: error.to_string() }
            }
            _ => CallError::Malformed { call: "log in", status: 0, reason: format!("{}: {error}", self.auth_url) },
        }
    }
}

/// Whom to trust: this machine's authorities and the configured ones.
fn trust(config: &OpenStackConfig) -> Result<rustls::ClientConfig, String> {
    let mut more: Vec<CertificateDer<'static>> = Vec::new();
    if let Some(path) = &config.ca_file {
        let refuse = |problem: String| format!("CA_FILE {}: {problem}", path.display());
        let pem = crate::sys::file::read_text(path).map_err(|error| refuse(chain(&error)))?;
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        more = parsed.map_err(|error| refuse(error.to_string()))?;
        if more.is_empty() {
            return Err(refuse("has no certificate in it".to_owned()));
        }
    }
    match web_client_config(&more) {
        // Without encryption nobody is checked.
        Err(WebError::NoAuthorities) if config.auth_url.starts_with("http://") => {
            let nobody = rustls::RootCertStore::empty();
            Ok(rustls::ClientConfig::builder().with_root_certificates(nobody).with_no_client_auth())
        }
        made => made.map_err(|error| chain(&error)),
    }
}

/// The URL of `path` below what the catalog says of a service.
fn place(base: &Url, service: Service, path: &str) -> Result<Url, CallError> {
    let is_version = |part: &str| {
        let mut chars = part.chars();
        chars.next() == Some('v') && chars.next().is_some_and(|c| c.is_ascii_digit())
    };
    let has_version = base.path_segments().is_some_and(|mut parts| parts.any(is_version));
    let root = base.as_str().trim_end_matches('/');
    let text = if has_version { format!("{root}/{path}") } else { format!("{root}/{}/{path}", service.version_path()) };
    Url::parse(&text).map_err(|error| CallError::Malformed { call: "catalog", status: 0, reason: error.to_string() })
}

fn host(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

fn no_answer(url: &Url, error: &reqwest::Error) -> CallError {
    if error.is_connect() {
        return CallError::Unreachable { host: host(url), reason: reason(error) };
    }
    CallError::Lost { host: host(url), reason: reason(error) }
}

/// What is at the bottom of an error; above it stand only the URL and the libraries' names.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_place_has_its_version_once() {
        let at = |base: &str, service| place(&Url::parse(base).unwrap(), service, "a?b=c").unwrap().to_string();
        assert_eq!(at("http://c:9696", Service::Network), "http://c:9696/v2.0/a?b=c");
        assert_eq!(at("http://c:8774/v2.1/", Service::Compute), "http://c:8774/v2.1/a?b=c");
        assert_eq!(at("https://c/volume/v3/0f1e", Service::Volume), "https://c/volume/v3/0f1e/a?b=c");
        assert_eq!(at("https://c/vimage", Service::Image), "https://c/vimage/v2/a?b=c");
    }
}
