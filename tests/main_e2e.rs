//! The program on real containers, as root, each test in a world of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod e2e;
/// What test binaries share.
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support {
    pub(crate) mod again;
    pub(crate) mod browser;
    pub(crate) mod control_groups;
    pub(crate) mod director;
    pub(crate) mod ec2;
    pub(crate) mod enter;
    pub(crate) mod metadata;
    pub(crate) mod nutshell;
    pub(crate) mod remote;
    pub(crate) mod visitors;
    pub(crate) mod wait;
}
