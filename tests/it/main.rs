//! The program without root: real processes, real SQLite, real TLS on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod node_agent;
mod node_bad_input;
mod node_bench;
mod node_crash;
mod node_director;
mod node_manager;
mod scripted;
mod timekeeper;
