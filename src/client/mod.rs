//! What every client of a director and of its managers shares: the session of
//! a user, typed calls, names, waits, the check of the clock, errors.
//!
//! The command line, the nutshell and pages for browsers are clients. What a
//! session has to tell goes through the callback that it is made with; what
//! goes wrong is a [`error::Failure`] in ConPaaS 2.0's words.
//!
//! Must not know: how results are shown to people, what a person typed.

pub(crate) mod certificate;
pub(crate) mod clock_check;
mod director;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod external;
pub(crate) mod lookup;
pub(crate) mod manager;
mod new_file;
pub(crate) mod pack;
mod response;
pub(crate) mod session;
pub(crate) mod upload;
pub(crate) mod wait;
