//! Manifests: an application with its services, made from one file.
//!
//! ```text
//!   upload: read, its files kept, recorded with the application (one transaction)
//!      │
//!      ▼                 for each service, those first that others are linked to
//!   application runs ──▶ added ──▶ prepared ──▶ code ──▶ linked ──▶ started ──▶ filled ──▶ … ──▶ done
//!                          each step may be repeated, and is noted when it is done
//! ```
//!
//! - [`mod@accept`]: what is uploaded becomes a record.
//! - [`run`]: carries records out, from where they are.
//! - [`service`]: the steps of one service.
//! - [`calls`]: calls of its manager, and waiting for what they begin.
//! - [`fetch`]: files from the web, of allowed hosts alone.
//! - [`mod@export`]: the way back, from an application to a manifest.
//!
//! # Guarantees
//! - A director that is killed goes on with what is recorded when it starts again.
//! - What fails stays as far as it is: the same manifest once more goes on from there, since services are known by
//!   name and kind.
//! - Passwords of a manifest are in the database while it is carried out, and nowhere else.

mod accept;
mod calls;
mod export;
mod fetch;
mod run;
mod service;

pub(crate) use accept::{NewManifest, accept, await_step, until_end};
pub(crate) use export::export;
pub(crate) use run::{remove_leftovers, spawn_all};
