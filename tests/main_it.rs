//! The program without root: real processes, real SQLite, real TLS on loopback,
//! and the files that are data. `docs/testing.md` says what is where.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod it;
/// What test binaries share.
mod support {
    pub(crate) mod again;
    pub(crate) mod all_ports;
    pub(crate) mod ask_from;
    pub(crate) mod director;
    pub(crate) mod ec2;
    pub(crate) mod frontend;
    pub(crate) mod hold;
    pub(crate) mod hostile_server;
    pub(crate) mod metadata;
    pub(crate) mod nutshell;
    pub(crate) mod oidc;
    pub(crate) mod pi;
    pub(crate) mod remote;
    pub(crate) mod totp;
    pub(crate) mod wait;
}
