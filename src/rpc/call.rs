//! A call of a remote method, and the three forms in which it is sent.
//!
//! Must not know the methods that there are.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use serde_json::{Map, Value};

use super::form_body::{FilePart, FormBody};
use super::jsonrpc::CallKind;

/// One call of a remote method.
#[derive(Debug, Clone)]
pub struct RpcCall {
    kind: CallKind,
    service_id: i64,
    method: String,
    params: Map<String, Value>,
    files: Vec<FilePart>,
    max_answer_bytes: u64,
    sent: Option<Arc<AtomicU64>>,
}

/// What a method that tells a state may answer: JSON takes up to sixteen times its text in memory.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

impl RpcCall {
    /// Returns a call of `method` of service `service_id` by GET.
    #[must_use]
    pub fn get(service_id: i64, method: &str) -> Self {
        RpcCall::new(CallKind::Get, service_id, method)
    }

    /// Returns a call by POST.
    #[must_use]
    pub fn post(service_id: i64, method: &str) -> Self {
        RpcCall::new(CallKind::Post, service_id, method)
    }

    /// Returns a call by upload: parameters become texts, files may be added.
    #[must_use]
    pub fn upload(service_id: i64, method: &str) -> Self {
        RpcCall::new(CallKind::Upload, service_id, method)
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a file under a file name; uploads only.
    #[must_use]
    pub fn file(mut self, name: &str, path: impl Into<PathBuf>, filename: &str) -> Self {
        let (name, path, filename) = (name.to_owned(), path.into(), filename.to_owned());
        self.files.push(FilePart { name, path, filename, range: None });
        self
    }

    /// Adds some bytes of a file; uploads only.
    #[must_use]
    pub fn part_of_file(mut self, name: &str, path: impl Into<PathBuf>, filename: &str, range: Range<u64>) -> Self {
        let (name, path, filename) = (name.to_owned(), path.into(), filename.to_owned());
        self.files.push(FilePart { name, path, filename, range: Some(range) });
        self
    }

    /// Lets the answer have up to `max_bytes`; by default 256 KiB, enough for any state.
    #[must_use]
    pub fn answered_within(mut self, max_bytes: u64) -> Self {
        self.max_answer_bytes = max_bytes;
        self
    }

    /// Returns how large the answer may be, in bytes.
    pub(super) fn max_answer_bytes(&self) -> u64 {
        self.max_answer_bytes
    }

    /// Counts the bytes of files as they are sent; uploads only.
    #[must_use]
    pub(crate) fn counting(mut self, sent: Arc<AtomicU64>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Returns the method's name.
    #[must_use]
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    fn new(kind: CallKind, service_id: i64, method: &str) -> Self {
        RpcCall {
            kind,
            service_id,
            method: method.to_owned(),
            params: Map::new(),
            files: Vec::new(),
            max_answer_bytes: MAX_ANSWER_BYTES,
            sent: None,
        }
    }

    /// Returns how it is sent.
    pub(super) fn kind(&self) -> CallKind {
        self.kind
    }

    /// Returns its envelope as a query.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![
            ("service_id", self.service_id.to_string()),
            ("method", self.method.clone()),
            ("id", REQUEST_ID.to_owned()),
        ];
        if !self.params.is_empty() {
            query.push(("params", Value::Object(self.params.clone()).to_string()));
        }
        query
    }

    /// Returns its envelope as JSON.
    pub(super) fn envelope(&self) -> String {
        let envelope =
            Envelope { id: REQUEST_ID, method: &self.method, params: &self.params, service_id: self.service_id };
        serde_json::to_string(&envelope).expect("texts, numbers and maps with text keys are always JSON")
    }

    /// Returns its envelope as a form; parameters become texts.
    pub(super) fn form(&self) -> FormBody {
        let form = FormBody::default().field("service_id", self.service_id.to_string()).field("method", &*self.method);
        let form = self.params.iter().fold(form, |form, (name, value)| form.field(name, plain(value)));
        let form = self.sent.iter().fold(form, |form, sent| form.counting(Arc::clone(sent)));
        self.files.iter().cloned().fold(form, FormBody::file_part)
    }
}

/// Answers come on a connection of their own, so that all requests may have one id.
const REQUEST_ID: &str = "1";

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'static str,
    method: &'a str,
    params: &'a Map<String, Value>,
    service_id: i64,
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stands_whole_in_each_of_its_envelopes() {
        let call = RpcCall::post(3, "add_nodes").param("count", 2).param("cloud", "iaas");
        assert_eq!(
            call.envelope(),
            r#"{"id":"1","method":"add_nodes","params":{"count":2,"cloud":"iaas"},"service_id":3}"#
        );
        let query = RpcCall::get(0, "list").query();
        assert_eq!(query, [("service_id", "0".to_owned()), ("method", "list".to_owned()), ("id", "1".to_owned())]);
        let query = RpcCall::get(0, "list").param("x", "a").query();
        assert_eq!(query[3], ("params", r#"{"x":"a"}"#.to_owned()));
        assert_eq!((plain(&Value::from("a")), plain(&Value::from(2))), ("a".to_owned(), "2".to_owned()));
    }

    #[test]
    fn a_parameter_that_is_added_twice_is_the_later_one() {
        let call = RpcCall::post(3, "start").param("cloud", "a").param("cloud", "b");
        assert_eq!((call.kind, call.service_id, call.method()), (CallKind::Post, 3, "start"));
        assert_eq!(Value::Object(call.params), serde_json::json!({"cloud": "b"}));
    }
}
