//! What a client sends: a form, or a call of a remote method. Nothing here is sent.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::jsonrpc::CallKind;

/// A file of a form: the field's name, where the file is, and the file name that is told.
pub(super) type FileField = (String, PathBuf, String);

/// A form to be sent: texts, then files by path.
#[derive(Debug, Clone, Default)]
pub struct FormBody {
    pub(super) fields: Vec<(String, String)>,
    pub(super) files: Vec<FileField>,
}

impl FormBody {
    /// Adds a text.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a file, sent piece by piece, under its own name as file name.
    #[must_use]
    pub fn file(self, name: &str, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let filename = path.to_string_lossy().into_owned();
        self.file_named(name, path, &filename)
    }

    /// Adds a file under another file name.
    #[must_use]
    pub fn file_named(mut self, name: &str, path: impl Into<PathBuf>, filename: &str) -> Self {
        self.files.push((name.to_owned(), path.into(), filename.to_owned()));
        self
    }
}

/// One call of a remote method.
#[derive(Debug, Clone)]
pub struct RpcCall {
    pub(super) kind: CallKind,
    pub(super) service_id: i64,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
    pub(super) files: Vec<FileField>,
}

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
        self.files.push((name.to_owned(), path.into(), filename.to_owned()));
        self
    }

    /// Returns the method's name.
    #[must_use]
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    fn new(kind: CallKind, service_id: i64, method: &str) -> Self {
        RpcCall { kind, service_id, method: method.to_owned(), params: Map::new(), files: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_sent_in_that_order() {
        let form = FormBody::default().field("b", "1").field("a", "2").file("code", "/tmp/x.tar");
        assert_eq!(form.fields, [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        assert_eq!(form.files, [("code".to_owned(), PathBuf::from("/tmp/x.tar"), "/tmp/x.tar".to_owned())]);
        let call = RpcCall::post(3, "start").param("cloud", "a").param("cloud", "b");
        assert_eq!((call.kind, call.service_id, call.method()), (CallKind::Post, 3, "start"));
        assert_eq!(Value::Object(call.params), serde_json::json!({"cloud": "b"}));
    }
}
