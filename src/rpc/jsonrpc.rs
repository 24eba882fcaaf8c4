//! The envelope of managers and agents (reference: `docs/reference/manager-api.md` §1).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::form::{Form, Upload};
use super::request::{BodyError, Request};
use super::response::Response;
use crate::api::params::{Params, to_int};

/// Parsed JSON takes up to sixteen times its text in memory. A thousand nodes need 100 KB.
const MAX_CALL_BYTES: u64 = 1024 * 1024;
const JSON_TYPES: [&str; 3] = ["application/json", "application/json-rpc", "application/jsonrequest"];

/// The kind of request by which a method is called. A method has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    /// `GET` with parameters in the query.
    Get,
    /// `POST` with a JSON body.
    Post,
    /// `POST` with a multipart body.
    Upload,
}

/// One call, taken out of its envelope.
#[derive(Debug)]
pub struct RpcRequest {
    /// The kind of request that it came by.
    pub kind: CallKind,
    /// The service of the application that it is for; 0 is the manager itself, or the agent.
    pub service_id: i64,
    /// The method.
    pub method: String,
    /// Parameters by name: JSON values, in uploads always texts.
    pub(crate) params: Params,
    /// Uploaded files by name.
    pub files: BTreeMap<String, Upload>,
    /// The caller's id of the request, sent back in the reply; 1 in uploads.
    pub id: Value,
}

impl RpcRequest {
    /// Returns the parameters by name.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        self.params.values()
    }
}

/// A request that is no call.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The path is not `/`.
    #[error("File not found")]
    Path,
    /// The verb is neither GET nor POST.
    #[error("Unsupported method")]
    Verb,
    /// The content type is none of the known ones.
    #[error("Unsupported Media Type")]
    MediaType,
    /// No `service_id`.
    #[error("Did not specify service")]
    NoService,
    /// No `method`.
    #[error("Did not specify method")]
    NoMethod,
    /// No `id`, broken JSON, or a value of a wrong type. Upstream drops the connection here.
    #[error("{0}")]
    Malformed(String),
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl EnvelopeError {
    /// Returns the answer to the caller.
    #[must_use]
    pub fn response(&self) -> Response {
        match self {
            EnvelopeError::Path => Response::server_page(404, "Nothing matches the given URI"),
            EnvelopeError::Verb => Response::server_page(405, "Specified method is invalid for this server."),
            EnvelopeError::MediaType => Response::server_page(415, "Entity body in unsupported format."),
            EnvelopeError::NoService | EnvelopeError::NoMethod | EnvelopeError::Malformed(_) => {
                Response::refusal(400, &self.to_string())
            }
            EnvelopeError::Body(error) => error.response(),
        }
    }
}

/// Takes a call out of a request.
///
/// # Errors
/// The request is no call; [`EnvelopeError::response`] says so to the caller.
pub async fn read_call(request: &mut Request) -> Result<RpcRequest, EnvelopeError> {
    if request.path != "/" {
        return Err(EnvelopeError::Path);
    }
    let content_type = request.content_type.clone().unwrap_or_default();
    let is_json = JSON_TYPES.contains(&content_type.as_str());
    let is_multipart = content_type.starts_with("multipart/form-data");
    match request.method.as_str() {
        "GET" if is_json => {
            request.received();
            read_get(&request.query)
        }
        "POST" if is_json => read_post(&request.read_body(MAX_CALL_BYTES).await?),
        "POST" if is_multipart => {
            request.query.clear();
            read_upload(Form::read(request).await?)
        }
        "GET" | "POST" => Err(EnvelopeError::MediaType),
        _ if request.content_type.is_none() => Err(EnvelopeError::MediaType),
        _ => Err(EnvelopeError::Verb),
    }
}

/// Returns a reply that carries a result; nothing is `{}`.
#[must_use]
pub fn reply_result(result: &Value, id: &Value) -> Response {
    Response::json_envelope(&ResultReply { id, result, error: () })
}

/// Returns a reply that carries an error's text, which clients print verbatim.
#[must_use]
pub fn reply_error(text: &str, id: &Value) -> Response {
    Response::json_envelope(&ErrorReply { id, error: text })
}

#[derive(Serialize)]
struct ResultReply<'a> {
    id: &'a Value,
    result: &'a Value,
    /// `null`: upstream's clients look for it.
    error: (),
}

#[derive(Serialize)]
struct ErrorReply<'a> {
    id: &'a Value,
    error: &'a str,
}

fn read_get(query: &str) -> Result<RpcRequest, EnvelopeError> {
    let mut pairs: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let service_id = read_service_id(pairs.remove("service_id").map(Value::String).as_ref())?;
    let method = pairs.remove("method").ok_or(EnvelopeError::NoMethod)?;
    let id = pairs.remove("id").ok_or_else(|| EnvelopeError::Malformed("Did not specify id".into()))?;
    let params = match pairs.remove("params") {
        None => Params::default(),
        Some(text) => Params::of_json(serde_json::from_str(&text).map_err(|error| malformed(&error))?),
    };
    Ok(RpcRequest { kind: CallKind::Get, service_id, method, params, files: BTreeMap::new(), id: Value::String(id) })
}

fn read_post(body: &[u8]) -> Result<RpcRequest, EnvelopeError> {
    let mut call: Map<String, Value> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let service_id = read_service_id(call.remove("service_id").as_ref())?;
    let method = match call.remove("method") {
        Some(Value::String(method)) => method,
        None => return Err(EnvelopeError::NoMethod),
        Some(_) => return Err(EnvelopeError::Malformed("the method is not a text".into())),
    };
    let id = call.remove("id").ok_or_else(|| EnvelopeError::Malformed("Did not specify id".into()))?;
    let params = Params::of_json(call.remove("params").unwrap_or(Value::Null));
    Ok(RpcRequest { kind: CallKind::Post, service_id, method, params, files: BTreeMap::new(), id })
}

fn read_upload(form: Form) -> Result<RpcRequest, EnvelopeError> {
    let mut fields = form.fields;
    let service_id = read_service_id(fields.remove("service_id").map(Value::String).as_ref())?;
    let method = fields.remove("method").ok_or(EnvelopeError::NoMethod)?;
    let params = Params::of_form(fields.into_iter().map(|(name, text)| (name, Value::String(text))).collect());
    Ok(RpcRequest { kind: CallKind::Upload, service_id, method, params, files: form.files, id: Value::from(1) })
}

fn read_service_id(value: Option<&Value>) -> Result<i64, EnvelopeError> {
    let value = value.ok_or(EnvelopeError::NoService)?;
    to_int(value).ok_or_else(|| EnvelopeError::Malformed("service_id is not a whole number".into()))
}

fn malformed(error: &serde_json::Error) -> EnvelopeError {
    EnvelopeError::Malformed(format!("malformed JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_get_call_is_read_as_upstream_reads_it() {
        let call = read_get("service_id=0&method=get_app_info&params=%5B%5D&id=1").unwrap();
        assert_eq!((call.service_id, call.method.as_str(), call.id), (0, "get_app_info", json!("1")));
        assert!(call.params.finish().is_ok(), "the web frontend sends [] for no parameters");
        let mut call = read_get("service_id=2&method=m&id=1&params=%7B%22x%22%3A+1%7D").unwrap();
        assert_eq!(call.params.optional("x"), Some(json!(1)));
        for service_id in ["2", "2.0", "\"2\"", "2.9"] {
            let body = format!("{{\"service_id\": {service_id}, \"method\": \"m\", \"id\": 1}}");
            assert_eq!(read_post(body.as_bytes()).unwrap().service_id, 2, "{body}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let table = [
            ("method=m&id=1", "Did not specify service"),
            ("service_id=0&id=1", "Did not specify method"),
            ("service_id=0&method=m", "Did not specify id"),
            ("service_id=x&method=m&id=1", "service_id is not a whole number"),
            ("service_id=0&method=m&id=1&params=%7B", "malformed JSON: EOF while parsing an object at line 1 column 1"),
        ];
        for (query, text) in table {
            assert_eq!(read_get(query).unwrap_err().to_string(), text, "{query}");
        }
        assert!(read_post(b"[]").is_err());
        assert!(read_post(b"{\"service_id\": 0, \"method\": 1, \"id\": 1}").is_err());
    }
}
