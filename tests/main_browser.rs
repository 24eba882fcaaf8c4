//! The pages in a real browser: Debian's Chromium. `make test-browser` runs it where no way leads out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
/// What test binaries share.
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support {
    pub(crate) mod again;
    pub(crate) mod all_ports;
    pub(crate) mod browser;
    pub(crate) mod director;
    pub(crate) mod frontend;
    pub(crate) mod oidc;
    pub(crate) mod wait;
}
