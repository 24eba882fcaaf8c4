//! Methods that are called over the wire, and their answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::api::params::{ParamError, Params, bad, missing};
use crate::rpc::{CallKind, Response, RpcRequest, Upload, reply_error, reply_result};
use crate::store::StoreError;

/// One line of a table of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// Over which kind of request it is called.
    pub kind: CallKind,
    /// Its name.
    pub name: &'static str,
}

impl Method {
    /// A method called by GET.
    #[must_use]
    pub(crate) const fn get(name: &'static str) -> Self {
        Method { kind: CallKind::Get, name }
    }

    /// A method called by POST.
    #[must_use]
    pub(crate) const fn post(name: &'static str) -> Self {
        Method { kind: CallKind::Post, name }
    }

    /// A method called by upload.
    #[must_use]
    pub(crate) const fn upload(name: &'static str) -> Self {
        Method { kind: CallKind::Upload, name }
    }

    /// Looks `request`'s method up in several tables.
    ///
    /// # Errors
    /// No table has it; the answer is upstream's.
    pub(crate) fn find(tables: &[&[Method]], request: &RpcRequest) -> Result<&'static str, Response> {
        let mut of_kind =
            tables.iter().flat_map(|table| table.iter()).filter(|method| method.kind == request.kind).peekable();
        if of_kind.peek().is_none() {
            return Err(Response::refusal(404, "Service not found"));
        }
        match of_kind.find(|method| method.name == request.method) {
            Some(method) => Ok(method.name),
            None => Err(Response::refusal(404, "Method not found")),
        }
    }
}

/// The parameters and files of one call, taken out one by one.
#[derive(Debug)]
pub(crate) struct Call {
    /// The parameters.
    pub params: Params,
    files: BTreeMap<String, Upload>,
}

impl Call {
    /// Takes a request's parameters and files.
    #[must_use]
    pub(crate) fn new(params: Map<String, Value>, files: BTreeMap<String, Upload>) -> Self {
        Call { params: Params::new(params), files }
    }

    /// Takes a file that must be there.
    ///
    /// # Errors
    /// It is missing, or a text.
    pub(crate) fn file(&mut self, name: &str) -> Result<Upload, ParamError> {
        match (self.files.remove(name), self.params.optional(name)) {
            (Some(upload), _) => Ok(upload),
            (None, None) => Err(missing(name)),
            (None, Some(value)) => {
                let text = value.as_str().unwrap_or_default();
                Err(bad(name, &format!("'{text}' has type 'str', should be uploaded file")))
            }
        }
    }

    /// Takes a file that may be there.
    pub(crate) fn optional_file(&mut self, name: &str) -> Option<Upload> {
        self.files.remove(name)
    }

    /// Refuses what the method does not declare.
    ///
    /// # Errors
    /// Something is left.
    pub(crate) fn finish(mut self) -> Result<(), ParamError> {
        let Some((name, upload)) = self.files.pop_first() else { return self.params.finish() };
        Err(ParamError(format!("Unexpected parameters: {{'{name}': '{}'}}.", upload.filename)))
    }
}

/// What a method answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A result.
    Value(Value),
    /// A file to be saved under a name.
    Download {
        /// Where it lies.
        path: PathBuf,
        /// Under which name the caller should save it.
        filename: String,
    },
    /// A result, and work on the service's nodes that outlives the request: the service is
    /// `ADAPTING` until `ManagerKind::on_adapt` has done it.
    Adapt {
        /// Shown in the history.
        reason: String,
        /// What `on_adapt` is given.
        work: Value,
    },
}

impl Reply {
    /// The result of a method that has nothing to say.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Reply::Value(json!({}))
    }
}

/// Why a method did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MethodError {
    /// A parameter is wrong.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The method's own words, which clients print verbatim.
    #[error("{0}")]
    Refused(String),
    /// The state cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MethodError {
    /// A refusal in the method's own words.
    #[must_use]
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        MethodError::Refused(text.into())
    }

    /// Upstream's intended text for arguments that make no sense. (Upstream
    /// itself answers an empty text there.)
    #[must_use]
    pub(crate) fn invalid(detail: impl std::fmt::Display) -> Self {
        MethodError::Refused(format!("Invalid arguments ({detail})"))
    }
}

impl From<crate::sys::file::FileError> for MethodError {
    fn from(error: crate::sys::file::FileError) -> Self {
        MethodError::Refused(crate::sys::chain(&error))
    }
}

/// Puts a method's answer into its envelope.
pub(crate) async fn respond(outcome: Result<Reply, MethodError>, method: &str, id: &Value) -> Response {
    match outcome {
        Ok(Reply::Value(value)) => reply_result(&value, id),
        Ok(Reply::Adapt { .. }) => reply_result(&json!({}), id),
        Ok(Reply::Download { path, filename }) => match Response::file(&path, "attachement", &filename).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(path = %path.display(), error = %error, "a file to be downloaded cannot be read");
                reply_error("the file cannot be read", id)
            }
        },
        Err(MethodError::Store(error)) => {
            let chain: &dyn std::error::Error = &error;
            tracing::error!(method, error = %error, source = ?chain.source(), "the state cannot be kept");
            reply_error(&format!("Error when calling method {method}: {error}"), id)
        }
        Err(error) => reply_error(&error.to_string(), id),
    }
}
