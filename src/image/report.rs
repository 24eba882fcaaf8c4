//! Who is told how the making of images goes on.
//!
//! Lies below the engine: it says what happened and must not know who shows it, or how.

use super::publish::artefact::Built;

/// Hears what people want to see while images are made.
pub(crate) trait Report: Send + Sync {
    /// A stage of an image begins; the one before it is done.
    fn begin(&self, image: &str, stage: &str);
    /// The stage goes on: the last line of what a program says.
    fn line(&self, line: &str);
    /// Tells something that people have to know, although the build goes on.
    fn warn(&self, image: &str, text: &str);
    /// An image is made, or was found as it had been made.
    fn done(&self, built: &Built);
}
