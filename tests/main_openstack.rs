//! The program against a real OpenStack in its box (`images/nutshell-openstack`).
//!
//! Nothing of OpenStack is mocked here: servers are containers that nova made.
//! What these tests do to it (quotas, services that are killed) would disturb
//! each other, so they take turns. `make test-openstack` starts the OpenStack.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod openstack;
/// What test binaries share.
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support {
    pub(crate) mod director;
    pub(crate) mod remote;
    pub(crate) mod wait;
}
