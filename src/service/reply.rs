//! What a method answers, and the envelope of an answer or an error.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use super::change::Change;
use super::error::MethodError;
use crate::rpc::{Response, reply_error, reply_result};
use crate::sys::pipe::ByteStream;

/// What a method answers.
pub(crate) enum Reply {
    /// A result, as [`Reply::of`] makes it.
    Value(Value),
    /// A file to be saved under a name.
    Download {
        /// Where it lies.
        path: PathBuf,
        /// Under which name the caller should save it.
        filename: String,
    },
    /// A file of any size, as it comes, to be saved under a name.
    Stream {
        /// Its bytes.
        stream: ByteStream,
        /// Under which name the caller should save it.
        filename: String,
    },
    /// A result that is one text of any size, as it comes.
    Text(ByteStream),
    /// An empty result, and these nodes leave the service.
    Remove {
        /// Their ids.
        ids: Vec<String>,
    },
    /// An empty result, and a change of the service that outlives the request: the service is
    /// `ADAPTING` until its nodes are there.
    Adapt {
        /// Shown in the history.
        reason: String,
        /// What is to be different.
        change: Change,
    },
}

/// A stream shows nothing of what it brings.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Value(value) => write!(f, "{value}"),
            Reply::Download { path, filename } => write!(f, "Download {{ {} as {filename} }}", path.display()),
            Reply::Stream { filename, .. } => write!(f, "a stream as {filename}"),
            Reply::Text(_) => f.write_str("a text"),
            Reply::Remove { ids } => write!(f, "the removal of {ids:?}"),
            Reply::Adapt { reason, change } => write!(f, "{reason}: {change:?}"),
        }
    }
}

impl Reply {
    /// A result: one of the structs in `api/`, or a text.
    ///
    /// # Panics
    /// Never for the plain data of the wire: maps have keys that are texts or numbers.
    #[must_use]
    pub(crate) fn of(answer: &impl Serialize) -> Self {
        Reply::Value(serde_json::to_value(answer).expect("answers are plain data"))
    }

    /// The result of a method that has nothing to say.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Reply::Value(Value::Object(Map::new()))
    }
}

/// Puts a method's answer into its envelope.
pub(crate) async fn respond(outcome: Result<Reply, MethodError>, method: &str, id: &Value) -> Response {
    match outcome {
        Ok(Reply::Value(value)) => reply_result(&value, id),
        Ok(Reply::Stream { stream, filename }) => Response::stream(stream, "attachement", &filename),
        Ok(Reply::Text(stream)) => Response::text_result(stream, id),
        Ok(Reply::Adapt { .. } | Reply::Remove { .. }) => reply_result(&Value::Object(Map::new()), id),
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns what a caller reads of an outcome.
    pub(crate) fn said(outcome: Result<Reply, MethodError>) -> String {
        match outcome {
            Ok(reply) => format!("{reply:?}"),
            Err(error) => error.to_string(),
        }
    }

    /// Returns what a caller reads who forgot a parameter.
    pub(crate) fn missing(name: &str) -> String {
        format!("Missing the mandatory parameter '{name}'.")
    }
}
