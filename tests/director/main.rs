//! The director through its own door: real TLS, real SQLite, a real process,
//! and the process cloud. Needs no root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod clock;
mod crash;
mod full_disk;
mod join;
mod matrix;
mod metadata;
mod old_client;
mod reconcile;
mod recorded;
mod renewal;
mod world;
