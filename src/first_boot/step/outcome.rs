//! The ends of a step of the first boot.

use crate::first_boot::error::FirstBootError;

/// The end of a step that did not fail.
pub(crate) enum Outcome {
    /// The work is done; the line says what came of it.
    Done(String),
    /// There is nothing to do, or not here; the line says why.
    Skipped(String),
}

/// Ends a step whose work is done.
pub(crate) fn done(text: impl Into<String>) -> Result<Outcome, FirstBootError> {
    Ok(Outcome::Done(text.into()))
}

/// Ends a step that has nothing to do.
pub(crate) fn skipped(text: impl Into<String>) -> Result<Outcome, FirstBootError> {
    Ok(Outcome::Skipped(text.into()))
}
