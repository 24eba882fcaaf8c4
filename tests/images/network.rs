//! The network of the machines: a namespace of this process without a route
//! out, and one cable into it.

use std::process::Command;

use anyhow::{Context, bail, ensure};
use nix::sched::{CloneFlags, unshare};

/// The cable's end on this side.
pub(crate) const CABLE: &str = "cable0";
/// This side's address: a client's in the plan of the images.
pub(crate) const OUR_ADDRESS: &str = "172.16.0.200";
/// The address of a Pi, and of the virtual machine, in that plan.
pub(crate) const PI_ADDRESS: &str = "172.16.0.11";

/// Moves this process, and what it starts, into a network of its own.
/// Must be called before any thread is made.
pub(crate) fn enter() -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "machines need a network of their own, and that takes root");
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    for line in [
        "link set lo up".to_owned(),
        format!("tuntap add {CABLE} mode tap"),
        format!("addr add {OUR_ADDRESS}/24 dev {CABLE}"),
        format!("link set {CABLE} up"),
    ] {
        let output = Command::new("ip").args(line.split(' ')).output().context("iproute2 has ip")?;
        if !output.status.success() {
            bail!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    let routes = Command::new("ip").args(["route", "show", "default"]).output()?;
    ensure!(routes.stdout.is_empty(), "there is a way out of the machines' network");
    Ok(())
}
