//! Tests of the whole program over real TLS, with its own certificates.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod scripted;
