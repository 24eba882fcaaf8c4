//! The first boot below a directory that stands for a board, and its welcome
//! page: real programs, killed at every step.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod first_boot;
mod login;
mod network;
mod units;
mod web;
mod world;
