//! The program on real containers, as root, each test in a world of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confined;
mod control_groups;
mod image;
mod init;
mod lxc;
mod neighbours;
mod nutshell;
#[path = "../nutshell/session.rs"]
mod nutshell_session;
mod package;
mod power;
mod world;
