//! Why a command failed, in the words that people see.

use std::error::Error;

use crate::config::ConfigError;
use crate::pki::CredentialsError;
use crate::rpc::TlsError;
use crate::sys::file::FileError;

/// A failure: one text for people, and its causes for `--debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Upstream's words where it has some.
    pub text: String,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// Whether nobody answered, which may be otherwise in a moment.
    pub is_passing: bool,
    /// Whether the command line lacks something, so that the exit code is 2.
    pub is_usage: bool,
}

impl Failure {
    /// A failure that needs no further explanation.
    pub(crate) fn said(text: impl Into<String>) -> Self {
        Failure { text: text.into(), causes: Vec::new(), is_passing: false, is_usage: false }
    }

    /// A command line that lacks something.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Failure { is_usage: true, ..Failure::said(text) }
    }

    /// A failure in our words, its causes in the same line.
    pub(crate) fn chained(error: &dyn Error) -> Self {
        Failure::said(crate::sys::chain(error))
    }

    /// A failure in upstream's words, with the causes behind them.
    pub(crate) fn with_causes(text: impl Into<String>, error: &dyn Error) -> Self {
        let mut causes = vec![error.to_string()];
        causes.extend(causes_of(error));
        Failure { text: text.into(), causes, is_passing: false, is_usage: false }
    }
}

fn causes_of(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::chained(&error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Failure::chained(&error)
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Failure::chained(&error)
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Failure::chained(&error)
    }
}
