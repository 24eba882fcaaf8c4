//! The program on real containers, as root, each test in a world of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control_groups;
mod init;
mod join;
mod lxc;
mod nutshell;
#[path = "../nutshell/session.rs"]
mod nutshell_session;
mod power;
mod world;
