//! A whole ConPaaS on one machine, for learning: network, certificates,
//! director, a user, and a program that runs on two nodes.
//!
//! It knows no secret way in: it starts the same programs and types the same
//! commands as people do, so what works here works for them.
//!
//! # Guarantees
//! - [`Action::Up`] and [`Action::Demo`] may be repeated, and go on where an earlier one was ended.
//! - [`Action::Down`] leaves no process, container, mount, bridge or namespace behind; the
//!   data stays unless it is asked to go too.
//! - With a network namespace, nothing is made in the machine's own.
//! - The user's password is shown once and kept nowhere after that.
//!
//! Must not know: how a director, a manager or a cloud works inside.

mod client;
mod daemon;
mod demo;
mod down;
mod error;
mod example;
mod machine;
mod namespace;
mod page;
mod place;
mod run;
mod say;
mod status;
mod up;

pub(crate) use demo::demo_of_caller;
pub(crate) use down::Data;
pub(crate) use error::NutshellError;
pub(crate) use place::{NutshellCloud, Place, Settings};
pub(crate) use run::Action;
pub(crate) use run::run;
