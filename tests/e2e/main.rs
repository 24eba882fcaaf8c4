//! The program on real containers, as root, each test in a world of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clouds;
mod confined;
mod control_groups;
mod device;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../director/world.rs"]
mod director_world;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../ec2/world.rs"]
mod ec2_world;
#[path = "../ec2/hypervisor.rs"]
mod hypervisor;
mod image;
mod init;
mod join;
mod lxc;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../director/metadata.rs"]
mod metadata;
mod neighbours;
mod nutshell;
#[path = "../nutshell/session.rs"]
mod nutshell_session;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../ec2/observer.rs"]
mod observer;
mod package;
mod power;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../ec2/proxy.rs"]
mod proxy;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../remote/mod.rs"]
mod remote;
mod world;
