//! What is published opens here: nginx before all services, as the director wants it.
//!
//! # Guarantees
//! - Nothing is reachable that was not published. An application that is stopped answers by a page that says so.
//! - A new configuration serves only after nginx called it good, and a reload loses no request.
//! - nginx outlives this process and the director: published services stay reachable while either starts again.
//! - What a visitor says of himself (`X-Forwarded-*`, `Forwarded`) reaches no service.
//! - Keys of names that users own stay on this machine, in files that only its account reads.
//! - Its own certificate lets it read what is published and tell of visitors, and nothing else.
//!
//! # Caveats
//! - An open connection, such as a WebSocket, ends a minute after what is published has changed.
//!
//! Must not know: users, how a service works.

mod acme;
mod announce;
mod certificates;
mod director;
mod error;
mod follow;
mod logs;
mod nginx;
mod nginx_program;
mod options;
mod pages;
mod place;
mod ports;
mod run;
mod visits;

pub(crate) use options::{AcmeOptions, IngressOptions};
pub(crate) use run::{end, run};
