//! What comes of a request, before it is an answer.

use super::frame::Page;
use crate::client::error::Failure;
use crate::rpc::{BodyError, Response};

/// Why a request leads to no page of its own.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such thing, or it is another's.
    NotFound,
    /// The director or a manager does not do it, or cannot be called.
    Failed(Failure),
    /// The form says something that makes no sense.
    Form(String),
    /// What was sent did not arrive as it should.
    Body(BodyError),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Problem::Failed(failure)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Problem::Body(error)
    }
}

/// What is shown where a page was asked for.
pub(super) type Shown = Result<Page, Problem>;

/// What comes of an action.
pub(super) enum Done {
    /// Another page comes next, with a text.
    Go {
        /// Its path.
        to: String,
        /// The text; may be empty.
        note: String,
    },
    /// A page that tells what came of it, once.
    Page(Box<Page>),
    /// An answer of its own.
    Answer(Response),
}

impl Done {
    /// Leads to a page that shows by itself what was done.
    pub(super) fn at(path: impl Into<String>) -> Self {
        Done::Go { to: path.into(), note: String::new() }
    }

    /// Leads to a page that says what was done.
    pub(super) fn said(path: impl Into<String>, note: impl Into<String>) -> Self {
        Done::Go { to: path.into(), note: note.into() }
    }
}
