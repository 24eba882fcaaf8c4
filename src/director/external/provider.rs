//! The OpenID provider: what it says of itself, its keys, and tokens for codes.
//!
//! Every call has a bound in time and bytes, and follows no redirect. What the provider says of itself is kept for a while.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{OpenIdConfig, Secret, is_safe_url};
use crate::rpc::{WebClient, WebError, WebLimits, WebRequest};
use crate::sys::file::{self, FileError};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const CALL_LIMIT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// What a provider says of itself changes when its operator changes it.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// Keys are not asked for more often because a token names an unknown one.
const KEYS_ARE_FRESH_FOR: Duration = Duration::from_secs(60);

/// Why the provider is of no help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It cannot be asked.
    #[error(transparent)]
    Web(#[from] WebError),
    /// A file of the configuration cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of the configuration is not usable.
    #[error("{file}: {problem}")]
    Setting {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It answered something else than a provider does.
    #[error("{url}: {problem}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

/// The OpenID provider of this director.
pub(super) struct Provider {
    pub(super) config: OpenIdConfig,
    client: WebClient,
    known: Mutex<Option<Known>>,
}

/// What the provider says of itself.
#[derive(Clone)]
struct Known {
    about: Arc<About>,
    keys: Arc<JwkSet>,
    since: Instant,
    keys_since: Instant,
}

#[derive(Deserialize)]
struct About {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether it names itself when it sends somebody back (RFC 9207).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What a code is exchanged with.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    /// The secret of which the provider was told the hash (PKCE).
    pub(super) verifier: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// What a provider says that refuses a code.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Provider {
    /// Prepares calls. Nothing is asked yet: a provider that is down stops no director. Blocking.
    pub(super) fn new(config: OpenIdConfig) -> Result<Self, ProviderError> {
        read_secret(config.client_secret.as_deref())?;
        let limits = WebLimits { connect: CONNECT_LIMIT, whole: CALL_LIMIT, max_answer_bytes: MAX_ANSWER_BYTES };
        let is_encrypted = config.issuer.starts_with("https://");
        let client = match &config.authority {
            Some(path) => WebClient::trusting(limits, &certificates(path)?)?,
            None if is_encrypted => WebClient::with_tls(limits)?,
            None => WebClient::new(limits),
        };
        Ok(Provider { config, client, known: Mutex::default() })
    }

    /// Returns where a visitor is sent to log in.
    pub(super) async fn login_url(&self, parameters: &[(&str, &str)]) -> Result<String, ProviderError> {
        let about = self.known().await?.about;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("response_type", "code").append_pair("client_id", &self.config.client_id);
        query.append_pair("scope", &self.config.scopes).extend_pairs(parameters);
        let endpoint = &about.authorization_endpoint;
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{mark}{}", query.finish()))
    }

    /// Returns whether an answer that names `issuer` (or none) can be this provider's.
    pub(super) async fn sent_back(&self, issuer: Option<&str>) -> Result<bool, ProviderError> {
        let names_itself = self.known().await?.about.authorization_response_iss_parameter_supported;
        Ok(issuer.map_or(!names_itself, |issuer| issuer == self.config.issuer))
    }

    /// Returns the ID token for a code.
    pub(super) async fn exchange(&self, exchange: &Exchange<'_>) -> Result<String, ProviderError> {
        let about = self.known().await?.about;
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let path = self.config.client_secret.clone();
        let secret = crate::sys::blocking(move || read_secret(path.as_deref())).await?;
        let fields = self.fields(exchange, secret.as_ref().filter(|_| about.takes_secret_in_the_form()));
        if let Some(secret) = secret.filter(|_| !about.takes_secret_in_the_form()) {
            headers.push(("authorization".to_owned(), basic(&self.config.client_id, &secret)));
        }
        let url = about.token_endpoint.clone();
        let request = WebRequest { method: "POST", url, headers, body: fields.into_bytes() };
        let tokens: Tokens = self.ask(&request).await?;
        Ok(tokens.id_token)
    }

    /// Returns the form of an exchange; a client that does not show its secret in the header is named here.
    fn fields(&self, exchange: &Exchange<'_>, secret: Option<&Secret>) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", exchange.code);
        form.append_pair("redirect_uri", exchange.redirect_uri).append_pair("code_verifier", exchange.verifier);
        if let Some(secret) = secret {
            form.append_pair("client_secret", secret.reveal());
        }
        if secret.is_some() || self.config.client_secret.is_none() {
            form.append_pair("client_id", &self.config.client_id);
        }
        form.finish()
    }

    /// Returns the provider's keys.
    pub(super) async fn keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        Ok(self.known().await?.keys)
    }

    /// Returns the provider's keys, asked for anew unless that was done just now.
    pub(super) async fn newest_keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        let known = self.known().await?;
        if known.keys_since.elapsed() < KEYS_ARE_FRESH_FOR {
            return Ok(known.keys);
        }
        let keys = Arc::new(self.ask(&WebRequest::get(&known.about.jwks_uri)).await?);
        self.keep(Known { keys: Arc::clone(&keys), keys_since: Instant::now(), ..known });
        Ok(keys)
    }

    async fn known(&self) -> Result<Known, ProviderError> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = kept.filter(|known| known.since.elapsed() < KNOWN_FOR) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", self.config.issuer.trim_end_matches('/'));
        let about: About = self.ask(&WebRequest::get(&url)).await?;
        about.check(&self.config.issuer).map_err(|problem| ProviderError::Answer { url, problem })?;
        let keys = Arc::new(self.ask(&WebRequest::get(&about.jwks_uri)).await?);
        let now = Instant::now();
        let known = Known { about: Arc::new(about), keys, since: now, keys_since: now };
        self.keep(known.clone());
        Ok(known)
    }

    fn keep(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    async fn ask<T: DeserializeOwned>(&self, request: &WebRequest) -> Result<T, ProviderError> {
        let answer = self.client.send(request).await?;
        let of = |problem: String| ProviderError::Answer { url: request.url.clone(), problem };
        if answer.status != 200 {
            let refusal = serde_json::from_slice::<Refusal>(&answer.body).map(|refusal| refusal.error);
            let shown: String = refusal.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(80).collect();
            return Err(of(format!("status {} {shown}", answer.status)));
        }
        // What does not fit is not shown: it may be a token.
        serde_json::from_slice(&answer.body).map_err(|error| of(format!("unexpected answer ({:?})", error.classify())))
    }
}

impl About {
    fn check(&self, issuer: &str) -> Result<(), String> {
        if self.issuer != issuer {
            let shown: String = self.issuer.chars().filter(char::is_ascii_graphic).take(200).collect();
            return Err(format!("it calls itself '{shown}': write that as ISSUER, if it is the one that you mean"));
        }
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        match endpoints.into_iter().find(|url| !is_safe_url(url)) {
            Some(_) => Err("one of its addresses is not https://".to_owned()),
            None => Ok(()),
        }
    }

    /// Providers that say nothing take it in the header.
    fn takes_secret_in_the_form(&self) -> bool {
        let has = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|own| own == method);
        has("client_secret_post") && !has("client_secret_basic")
    }
}

fn basic(client_id: &str, secret: &Secret) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret.reveal()))))
}

/// Reads the secret of a client. Blocking.
fn read_secret(path: Option<&Path>) -> Result<Option<Secret>, ProviderError> {
    let Some(path) = path else { return Ok(None) };
    let text = file::read_text(path)?;
    let unusable = |problem| ProviderError::Setting { file: path.display().to_string(), problem };
    let mode = std::fs::metadata(path).map_err(|error| FileError::new("read", path, error))?.mode();
    if mode & 0o077 != 0 {
        return Err(unusable("others may read this secret: chmod 600 it"));
    }
    match text.trim() {
        "" => Err(unusable("is empty")),
        secret => Ok(Some(Secret::new(secret))),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProviderError> {
    let text = file::read_text(path)?;
    let unusable = |problem| ProviderError::Setting { file: path.display().to_string(), problem };
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match parsed {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(unusable("holds no certificates in PEM")),
    }
}
