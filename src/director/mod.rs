//! The director: users, credit, certificates, applications, and the only
//! holder of cloud credentials.
//!
//! [`run()`] is the composition root, `routes` lists every route with who may
//! call it, and each noun has a file of its own. What a user wants is written
//! to the store first; then it is acted on; [`reconcile`] finishes or undoes
//! what a crash left.
//!
//! Must not know: how a cloud works, what a service does, how answers look to people.

mod account;
mod application;
mod attempts;
mod check;
mod clouds;
mod credit;
mod error;
pub(crate) mod http;
pub mod local;
mod manager_calls;
pub(crate) mod node;
mod own_certificate;
mod password;
mod reconcile;
mod renewal;
mod run;
mod service;
mod setup;
mod state;
mod views;
mod volume;

pub(crate) use check::{check, mend};
pub use http::routes::{Access, route_table};
pub(crate) use node::stop::stop_nodes;
pub(crate) use renewal::{RenewAuthority, renew};
pub(crate) use run::RunOptions;
pub use run::run;
pub(crate) use setup::{SetupOptions, setup};
