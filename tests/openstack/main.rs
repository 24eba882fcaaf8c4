//! The program against a real OpenStack in its box (`images/nutshell-openstack`).
//!
//! Nothing of OpenStack is mocked here: servers are containers that nova made.
//! What these tests do to it (quotas, services that are killed) would disturb
//! each other, so they take turns. `make test-openstack` starts the OpenStack.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod application;
mod cloud;
mod crash;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../director/world.rs"]
mod director_world;
mod faults;
mod observer;
#[path = "world.rs"]
mod openstack_world;
mod refusals;
#[path = "../remote/mod.rs"]
mod remote;
