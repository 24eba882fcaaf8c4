//! The nodes of applications: asked for, made, told what they need, stopped, removed.
//!
//! Must not know: requests and answers, and how a cloud works.

pub(crate) mod bring_up;
pub(crate) mod certificate;
pub(crate) mod context;
pub(crate) mod create;
pub(crate) mod error;
pub(crate) mod join;
pub(crate) mod peer;
pub(crate) mod remove;
pub(crate) mod request;
pub(crate) mod stop;
pub(crate) mod tell_wanted;
pub(crate) mod token;
