//! The program against `moto`, a mock of EC2 (`tests/support/ec2/prepare` installs it).
//!
//! Instances and volumes of a mock are records: what these tests prove, and
//! what not, stands at the end of `docs/ec2.md`. Each test runs in a network
//! namespace of its own, without a way out, where the mock's addresses are
//! this machine's.

mod application;
mod cloud;
mod crash;
