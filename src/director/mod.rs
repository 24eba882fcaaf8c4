//! The director: users, credit, certificates, applications, and the only
//! holder of cloud credentials.
//!
//! [`run()`] is the composition root. `http/` is the door: every route, who may
//! call it, and one file for each noun. The deeds stand beside it, a file for
//! each noun, and take no requests: the local command line and tests call them
//! too. What a user wants is written to the store first; then it is acted on;
//! [`reconcile`] finishes or undoes what a crash left.
//!
//! Must not know: how a cloud works, what a service does, how answers look to people.

mod account;
mod administration;
mod administrator;
mod application;
mod application_list;
mod application_start;
mod asker;
mod attempts;
mod backup;
mod census;
mod change;
mod check;
mod clouds;
mod credit;
mod error;
mod event;
mod external;
mod frontend_files;
mod hash_queue;
mod health;
mod host;
mod http;
mod ingress_files;
mod invitation;
mod kept_volume;
mod last_look;
pub mod local;
mod lock;
mod manager_calls;
mod manifest;
mod mark;
pub(crate) mod node;
mod orphan;
mod own_certificate;
mod password;
mod published;
mod reconcile;
mod relocation;
mod renewal;
mod reserve;
mod resource;
mod run;
mod served;
mod service;
mod service_removal;
mod setup;
mod shown_lists;
mod state;
mod time_record;
mod timestamp;
mod totp;
mod troubles;
mod views;
mod visits;
mod volume;

pub(crate) use crate::store::director::orphan::{Fate, Orphan};
pub(crate) use backup::{backup, restore};
pub(crate) use check::{check, repair};
pub use http::{Access, route_table};
pub(crate) use node::stop::{start_nodes, stop_nodes};
pub(crate) use orphan::{Decision, decide as decide_orphans, list as list_orphans};
pub(crate) use renewal::{RenewAuthority, renew};
pub(crate) use run::RunOptions;
pub use run::run;
pub(crate) use setup::{SetupOptions, setup};
