//! The calling side. A connection is kept for a moment, and serves the next request to the same server.
//!
//! The other side is not believed: every answer has a bound in size and in time, and what is no answer is an
//! error. Must not know what a path or a method means.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::RpcCall;
use super::client_error::{CallError, ClientError};
use super::endpoint::Endpoint;
use super::exchange::{Exchange, Opened, Taken};
use super::form_body::{Body, FormBody};
use super::jsonrpc::CallKind;
use super::kept_connections::KeptConnections;
use super::known_nodes::KnownNodes;
use super::peer_rule::PeerRule;
use super::tls::{TlsError, client_config_but};
use crate::pki::Credentials;
use crate::sys::excerpt::{excerpt, excerpt_of_bytes};
use crate::sys::pipe::ByteStream;

/// Answers to forms and GETs: lists of a machine's nodes, certificates, files of a new node.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;
/// Of an error's text.
const MAX_ERROR_CHARS: usize = 4000;
/// Of an answer that is none.
const MAX_EXCERPT_CHARS: usize = 300;

/// The outcome of a call that asks for a file.
#[derive(Debug)]
pub(crate) enum Download {
    /// The file was written; its size in bytes.
    Written(u64),
    /// The answer is no file.
    Answer(Answer),
}

/// The outcome of a call that asks for a stream.
pub(crate) enum Streamed {
    /// The bytes of a file, as they come.
    Stream(ByteStream),
    /// The result of a method that has no file to give.
    Result(Value),
}

/// Speaks with servers of one kind, showing one certificate. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
    known: KnownNodes,
    /// All clones share them.
    kept: Option<KeptConnections>,
    timeout: Duration,
    max_answer_bytes: u64,
}

impl Client {
    /// Returns a client that shows `credentials` and talks to whom `rule` allows.
    /// An answer must be whole within a minute; see [`Client::with_timeout`].
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn new(credentials: Option<&Credentials>, rule: PeerRule) -> Result<Self, TlsError> {
        Client::refusing(credentials, rule, KnownNodes::default())
    }

    /// Returns the same client, which does not talk to nodes that are known to be removed.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub(crate) fn refusing(
        credentials: Option<&Credentials>,
        rule: PeerRule,
        known: KnownNodes,
    ) -> Result<Self, TlsError> {
        let tls = client_config_but(credentials, rule, known.clone())?;
        let (kept, timeout) = (Some(KeptConnections::default()), Duration::from_secs(60));
        Ok(Client { tls, known, kept, timeout, max_answer_bytes: MAX_ANSWER_BYTES })
    }

    /// Returns the same client, which opens a connection for each request.
    #[must_use]
    pub fn keeping_none(mut self) -> Self {
        self.kept = None;
        self
    }

    /// Returns the same client with another limit for an answer: it must be whole this long after the request
    /// was sent. Files may take longer, in both directions, as long as their bytes move.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the same client with another limit for the answers to GETs and forms, in bytes.
    #[must_use]
    pub(crate) fn with_max_answer(mut self, max_bytes: u64) -> Self {
        self.max_answer_bytes = max_bytes;
        self
    }

    /// Sends a GET for `path` with `query`.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub async fn get(&self, endpoint: &Endpoint, path: &str, query: &[(&str, &str)]) -> Result<Answer, ClientError> {
        let exchange = self.exchange(endpoint, self.max_answer_bytes);
        exchange.send("GET", &with_query(path, query), Body::empty()).await
    }

    /// Sends a form as multipart by POST.
    ///
    /// # Errors
    /// No answer came; any status is an answer.
    pub async fn post_form(&self, endpoint: &Endpoint, path: &str, form: &FormBody) -> Result<Answer, ClientError> {
        let exchange = self.exchange(endpoint, self.max_answer_bytes);
        exchange.send("POST", path, Body::multipart(form).await?).await
    }

    /// Calls a remote method and returns its result; bytes of a download come
    /// through [`Client::call_raw`].
    ///
    /// # Errors
    /// No answer, a refusal, the method's own error, or an answer that holds neither result nor error.
    pub async fn call(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Value, CallError> {
        let answer = self.call_raw(endpoint, call).await?;
        result_of(endpoint, call, &answer)
    }

    /// Calls a remote method and returns the whole answer of status 200.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn call_raw(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Answer, CallError> {
        let (method, target, body) = request(call).await?;
        let answer = self.exchange(endpoint, call.max_answer_bytes()).send(method, &target, body).await?;
        expect_ok(endpoint, call, answer)
    }

    /// Calls a remote method that answers with a file of any size, and returns that as it comes.
    ///
    /// # Errors
    /// As [`Client::call`], up to the first byte of the file.
    pub(crate) async fn call_to_stream(&self, endpoint: &Endpoint, call: &RpcCall) -> Result<Streamed, CallError> {
        let (method, target, body) = request(call).await?;
        match self.exchange(endpoint, call.max_answer_bytes()).open(method, &target, body).await? {
            Opened::Stream(stream) => Ok(Streamed::Stream(stream)),
            Opened::Answer(answer) => {
                let answer = expect_ok(endpoint, call, answer)?;
                result_of(endpoint, call, &answer).map(Streamed::Result)
            }
        }
    }

    /// Calls a remote method that answers with a file, and writes it to `file` as it comes, up to `max_bytes`.
    ///
    /// # Errors
    /// As [`Client::call_raw`], or the file cannot be written. A part of it may be there then.
    pub(crate) async fn call_to_file(
        &self,
        endpoint: &Endpoint,
        call: &RpcCall,
        file: &Path,
        max_bytes: u64,
    ) -> Result<Download, CallError> {
        let (method, target, body) = request(call).await?;
        let exchange = self.exchange(endpoint, call.max_answer_bytes());
        match exchange.fetch(method, &target, body, file, max_bytes).await? {
            Taken::File(n_bytes) => Ok(Download::Written(n_bytes)),
            Taken::Answer(answer) => expect_ok(endpoint, call, answer).map(Download::Answer),
        }
    }

    fn exchange<'a>(&'a self, endpoint: &'a Endpoint, max_answer_bytes: u64) -> Exchange<'a> {
        let (tls, kept, known) = (&self.tls, self.kept.as_ref(), &self.known);
        Exchange { tls, kept, known, endpoint, timeout: self.timeout, max_answer_bytes }
    }
}

/// Returns verb, target and body of a call.
async fn request(call: &RpcCall) -> Result<(&'static str, String, Body), ClientError> {
    Ok(match call.kind() {
        CallKind::Get => {
            let query = call.query();
            let pairs: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            ("GET", with_query("/", &pairs), Body::empty())
        }
        CallKind::Post => ("POST", "/".to_owned(), Body::json(call.envelope())),
        CallKind::Upload => ("POST", "/".to_owned(), Body::multipart(&call.form()).await?),
    })
}

/// Takes the result out of an answer.
fn result_of(endpoint: &Endpoint, call: &RpcCall, answer: &Answer) -> Result<Value, CallError> {
    let malformed = |reason: String| CallError::Malformed {
        method: call.method().to_owned(),
        endpoint: endpoint.clone(),
        reason,
        excerpt: excerpt_of_bytes(&answer.body, MAX_EXCERPT_CHARS),
    };
    let mut reply: Map<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|error| malformed(error.to_string()))?;
    match (reply.remove("error"), reply.remove("result")) {
        (Some(Value::String(error)), _) => Err(CallError::Remote(excerpt(&error, MAX_ERROR_CHARS))),
        (None | Some(Value::Null), Some(result)) => Ok(result),
        (None | Some(Value::Null), None) => Err(malformed("it has neither result nor error".to_owned())),
        (Some(error), _) => Err(CallError::Remote(excerpt(&error.to_string(), MAX_ERROR_CHARS))),
    }
}

fn expect_ok(endpoint: &Endpoint, call: &RpcCall, answer: Answer) -> Result<Answer, CallError> {
    if answer.status == 200 {
        return Ok(answer);
    }
    let text = excerpt_of_bytes(&answer.body, MAX_EXCERPT_CHARS);
    let method = call.method().to_owned();
    Err(CallError::Status { method, endpoint: endpoint.clone(), status: answer.status, text })
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    if encoded.is_empty() { path.to_owned() } else { format!("{path}?{encoded}") }
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
