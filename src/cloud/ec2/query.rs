//! The Query API: parameters in, signed, over the wire, XML out.
//!
//! Every call may be repeated (those that make something carry a client
//! token, others name what they change), so one that got no answer, or the
//! answer "too many requests", is repeated here, with growing pauses and
//! jitter, for a bounded time.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use backon::{ExponentialBuilder, Retryable};
use serde::de::DeserializeOwned;

use super::responses::Refusal;
use crate::config::Ec2Config;
use crate::rpc::{WebAnswer, WebClient, WebError, WebLimits, WebRequest};
use crate::task::crash_point;

const VERSION: &str = "2016-11-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(10), whole: Duration::from_secs(30), max_answer_bytes: 32 * 1024 * 1024 };
/// For how long a call is repeated.
const PATIENCE: Duration = Duration::from_secs(60);
/// The server is busy, or broke: the same call may succeed a little later.
const PASSING: [&str; 9] = [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "InternalError",
    "InternalFailure",
    "ServerInternal",
    "ServiceUnavailable",
    "Unavailable",
    "RequestTimeout",
];

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// No answer came.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The API says no.
    #[error("{code}: {message}")]
    Refused {
        /// EC2's code, such as `InvalidAMIID.NotFound`.
        code: String,
        /// EC2's words.
        message: String,
    },
    /// An answer that is none of the API's.
    #[error("{action} was answered with status {status} and something that is no answer of an EC2 API: {reason}")]
    Malformed {
        /// The call.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// The parser's words.
        reason: String,
    },
    /// The request cannot be signed.
    #[error("cannot sign a request: {0}")]
    Sign(String),
}

impl QueryError {
    /// EC2's code, if it said one.
    pub(crate) fn code(&self) -> &str {
        match self {
            QueryError::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether the thing that was named is not there (yet, or any more).
    pub(crate) fn is_not_found(&self) -> bool {
        self.code().ends_with(".NotFound")
    }

    fn is_passing(&self) -> bool {
        match self {
            QueryError::Web(WebError::Connect { .. } | WebError::Broken { .. } | WebError::Timeout { .. }) => true,
            QueryError::Refused { code, .. } => PASSING.contains(&code.as_str()),
            QueryError::Malformed { status, .. } => *status >= 500 || *status == 429,
            QueryError::Web(_) | QueryError::Sign(_) => false,
        }
    }
}

/// Parameters of one call. May hold a node's invitation: no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    n_filters: usize,
    n_tag_sets: usize,
}

impl Params {
    pub(crate) fn new() -> Self {
        Params::default()
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.pairs.push((name.to_owned(), value.into()));
        self
    }

    /// Keeps only what has one of `values`.
    pub(crate) fn filter(mut self, name: &str, values: &[&str]) -> Self {
        self.n_filters += 1;
        let filter = format!("Filter.{}", self.n_filters);
        self.pairs.push((format!("{filter}.Name"), name.to_owned()));
        for (index, value) in values.iter().enumerate() {
            self.pairs.push((format!("{filter}.Value.{}", index + 1), (*value).to_owned()));
        }
        self
    }

    /// Tags what the call makes of this sort (`instance`, `volume`).
    pub(crate) fn tags(mut self, sort: &str, tags: &[(&str, &str)]) -> Self {
        self.n_tag_sets += 1;
        let set = format!("TagSpecification.{}", self.n_tag_sets);
        self.pairs.push((format!("{set}.ResourceType"), sort.to_owned()));
        for (index, (key, value)) in tags.iter().enumerate() {
            self.pairs.push((format!("{set}.Tag.{}.Key", index + 1), (*key).to_owned()));
            self.pairs.push((format!("{set}.Tag.{}.Value", index + 1), (*value).to_owned()));
        }
        self
    }

    fn body(&self, action: &str) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", VERSION);
        form.extend_pairs(&self.pairs).finish()
    }
}

/// One account's API in one region.
pub(crate) struct Query {
    client: WebClient,
    url: String,
    region: String,
    /// Shows itself without its secret.
    credentials: Credentials,
    patience: Duration,
}

impl Query {
    /// Blocking: reads the authorities that this machine trusts.
    pub(crate) fn new(config: &Ec2Config) -> Result<Query, WebError> {
        let is_encrypted = config.endpoint.starts_with("https://");
        let client = if is_encrypted { WebClient::with_tls(LIMITS)? } else { WebClient::new(LIMITS) };
        let secret = config.secret_key.reveal();
        Ok(Query {
            client,
            url: format!("{}/", config.endpoint),
            region: config.region.clone(),
            credentials: Credentials::new(config.access_key.as_str(), secret, None, None, "director.cfg"),
            patience: PATIENCE,
        })
    }

    /// Calls `action`, again and again while that may help.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        params: &Params,
    ) -> Result<T, QueryError> {
        let back_off = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_factor(2.0)
            .with_jitter()
            .with_total_delay(Some(self.patience))
            .without_max_times();
        let body = params.body(action);
        let outcome = (|| self.once(action, &body))
            .retry(back_off)
            .when(QueryError::is_passing)
            .notify(|error, pause| {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(action, pause_ms, error = %crate::sys::chain(error), "asking a cloud again");
            })
            .await;
        crash_point(&format!("ec2.{action}"));
        outcome
    }

    async fn once<T: DeserializeOwned>(&self, action: &'static str, body: &str) -> Result<T, QueryError> {
        let request = self.signed(body)?;
        let answer = self.client.send(&request).await?;
        read(action, &answer)
    }

    fn signed(&self, body: &str) -> Result<WebRequest, QueryError> {
        let failed = |error: &dyn std::error::Error| QueryError::Sign(crate::sys::chain(error));
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ec2")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = [("content-type", FORM)];
        let body = body.as_bytes();
        let request = SignableRequest::new("POST", &self.url, headers.into_iter(), SignableBody::Bytes(body));
        let signed = sign(request.map_err(|error| failed(&error))?, &params).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        let headers = headers.into_iter().chain(instructions.headers());
        Ok(WebRequest {
            method: "POST",
            url: self.url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.to_vec(),
        })
    }
}

fn read<T: DeserializeOwned>(action: &'static str, answer: &WebAnswer) -> Result<T, QueryError> {
    let status = answer.status;
    let malformed = |reason: String| QueryError::Malformed { action, status, reason };
    let text = std::str::from_utf8(&answer.body).map_err(|error| malformed(error.to_string()))?;
    if status == 200 {
        return quick_xml::de::from_str(text).map_err(|error| malformed(error.to_string()));
    }
    let refusal: Refusal = quick_xml::de::from_str(text).map_err(|error| malformed(error.to_string()))?;
    match refusal.errors.errors.into_iter().next() {
        Some(error) => Err(QueryError::Refused { code: error.code, message: error.message }),
        None => Err(malformed("it has no error in it".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_and_encoded() {
        let params = Params::new()
            .set("InstanceId.1", "i-1")
            .filter("tag:a", &["x y"])
            .filter("status", &["in-use", "error"])
            .tags("volume", &[("k", "v&")]);
        assert_eq!(
            params.body("DescribeX"),
            "Action=DescribeX&Version=2016-11-15&InstanceId.1=i-1&Filter.1.Name=tag%3Aa&Filter.1.Value.1=x+y\
             &Filter.2.Name=status&Filter.2.Value.1=in-use&Filter.2.Value.2=error\
             &TagSpecification.1.ResourceType=volume&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v%26"
        );
    }
}
