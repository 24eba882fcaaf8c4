//! The program on real containers, as root, each test in a world of its own.

mod init;
mod lxc;
mod nutshell;
#[path = "../nutshell/session.rs"]
mod nutshell_session;
mod world;
