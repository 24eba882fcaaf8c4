//! How the nutshell talks while it works.

/// Tells people what goes on: one line without its end.
pub(crate) type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);
