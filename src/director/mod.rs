//! The director: users, credit, certificates, applications, and the only
//! holder of cloud credentials.
//!
//! [`run()`] is the composition root, `routes` lists every route with who may
//! call it, and each noun has a file of its own. What a user wants is written
//! to the store first; then it is acted on; [`reconcile`] finishes or undoes
//! what a crash left.
//!
//! Must not know: how a cloud works, what a service does, how answers look to people.

mod accounts;
mod applications;
mod attempts;
mod bring_up;
mod certificates;
mod check;
mod clouds;
mod context;
mod credits;
mod downloads;
mod failure;
mod information;
mod join;
pub mod local;
mod manager;
mod nodes;
mod own_certificate;
mod password;
mod reconcile;
mod renewal;
mod routes;
mod run;
mod services;
mod setup;
mod state;
mod stop_nodes;
mod user_info;
mod views;
mod volumes;

pub use check::{check, mend};
pub use renewal::{RenewAuthority, renew};
pub use routes::{Access, route_table};
pub use run::{RunOptions, run};
pub use setup::{SetupOptions, SetupReport, setup};
pub use stop_nodes::{StopReport, stop_nodes};
