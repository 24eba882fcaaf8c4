//! The network of the machines, without a route out, and one cable into it:
//! a namespace of this process, or the box of the OpenStack beside which it runs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use nix::sched::{CloneFlags, unshare};

/// The cable's end on this side.
pub(crate) const CABLE: &str = "cable0";
/// This side's address: a client's in the plan of the images.
pub(crate) const OUR_ADDRESS: &str = "172.16.0.200";
/// The address of a Pi, and of the virtual machine, in that plan.
pub(crate) const PI_ADDRESS: &str = "172.16.0.11";
/// The backend's.
pub(crate) const BACKEND_ADDRESS: &str = "172.16.0.1";
/// The bridge of an OpenStack that its compute nodes are in, and their containers.
const LAN: &str = "br-conpaas";
/// Names the directory of the OpenStack in whose network this process runs.
const OPENSTACK: &str = "CONPAAS_OPENSTACK";

/// Who else is in the machines' network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbour {
    /// A client alone.
    Client,
    /// The backend of compute nodes, a real OpenStack.
    Backend,
}

impl std::fmt::Display for Neighbour {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Neighbour::Client => "a network without an OpenStack: make test-images",
            Neighbour::Backend => "an OpenStack: make test-compute",
        })
    }
}

/// The machines' network, for as long as it is held.
pub(crate) struct Network {
    pub(crate) neighbour: Neighbour,
}

impl Network {
    /// Moves this process, and what it starts, into a network of its own if it is not beside an OpenStack already, and
    /// lays the cable. Must be called before any thread is made.
    pub(crate) fn enter() -> anyhow::Result<Self> {
        ensure!(nix::unistd::geteuid().is_root(), "machines need a network of their own, and that takes root");
        let neighbour = match openstack() {
            Some(_) => Neighbour::Backend,
            None => Neighbour::Client,
        };
        if neighbour == Neighbour::Client {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            ip("link set lo up")?;
        }
        let routes = Command::new("ip").args(["route", "show", "default"]).output()?;
        ensure!(routes.stdout.is_empty(), "there is a way out of the machines' network");
        // Left by one that was killed.
        if ip(&format!("link show {CABLE}")).is_ok() {
            ip(&format!("link delete {CABLE}"))?;
        }
        ip(&format!("tuntap add {CABLE} mode tap"))?;
        let network = Network { neighbour };
        ip(&format!("link set {CABLE} up"))?;
        match neighbour {
            Neighbour::Client => ip(&format!("addr add {OUR_ADDRESS}/24 dev {CABLE}"))?,
            Neighbour::Backend => {
                ip(&format!("link set {CABLE} master {LAN}"))?;
                ip(&format!("addr replace {BACKEND_ADDRESS}/24 dev {LAN}"))?;
            }
        }
        Ok(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A namespace of this process alone goes with it.
        if self.neighbour == Neighbour::Backend {
            let _best_effort = ip(&format!("link delete {CABLE}"));
            let _best_effort = ip(&format!("addr delete {BACKEND_ADDRESS}/24 dev {LAN}"));
        }
    }
}

/// Where the OpenStack is, beside which this process runs.
pub(crate) fn openstack() -> Option<PathBuf> {
    std::env::var_os(OPENSTACK).map(PathBuf::from)
}

fn ip(line: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(line.split(' ')).output().context("iproute2 has ip")?;
    if !output.status.success() {
        bail!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
