//! The program against `moto`, a mock of EC2 (`tests/ec2/prepare` installs it).
//!
//! Instances and volumes of a mock are records: what these tests prove, and
//! what not, stands at the end of `docs/ec2.md`. Each test runs in a network
//! namespace of its own, without a way out, where the mock's addresses are
//! this machine's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod application;
mod cloud;
mod crash;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../director/world.rs"]
mod director_world;
#[path = "world.rs"]
mod ec2_world;
mod hypervisor;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../director/metadata.rs"]
mod metadata;
mod observer;
mod proxy;
#[path = "../remote/mod.rs"]
mod remote;
