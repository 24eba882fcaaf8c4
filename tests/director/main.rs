//! The director through its own door: real TLS, real SQLite, a real process,
//! and the process cloud. Needs no root.

mod bad_input;
mod matrix;
mod recorded;
mod world;
