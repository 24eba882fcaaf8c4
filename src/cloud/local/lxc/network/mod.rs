//! The bridge that all nodes of a cloud are on, its rules, and the way out of it.

mod conflict;
mod firewall;
mod interface;
mod resolver;
mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::interface::interface;
use super::settings::{LxcSettings, Nat};
use crate::model::Finding;
use crate::sys::program::{self, ProgramError};
use crate::sys::{self, chain, file, machine};

pub(crate) use conflict::check as check_conflicts;
pub(crate) use firewall::{Applied, Look, ensure as ensure_rules};
pub(crate) use interface::{card_address, exists};
pub(crate) use resolver::{hosts, resolver};
pub(crate) use rules::NodePort;

const LIMIT: Duration = Duration::from_secs(10);
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6_CONF: &str = "/proc/sys/net/ipv6/conf";

/// Makes the bridge with its address, and lets the machine forward with NAT. May be repeated.
///
/// # Errors
/// What failed, in words; what stands in its way is found before anything is changed.
pub(crate) async fn ensure(settings: &LxcSettings) -> Result<(), String> {
    conflicts(settings).await?;
    let bridge = settings.bridge.as_str();
    if !exists(settings) {
        match ip(&["link", "add", "name", bridge, "address", &card_address(settings.gateway), "type", "bridge"]).await {
            Err(_) if exists(settings) => {}
            other => other?,
        }
    }
    if is_ours(settings) {
        refuse_ipv6(bridge);
    }
    let address = format!("{}/{}", settings.gateway, settings.network.prefix());
    ip(&["address", "replace", &address, "dev", bridge]).await?;
    ip(&["link", "set", bridge, "up"]).await?;
    if settings.nat == Nat::On { ensure_forwarding(settings) } else { Ok(()) }
}

/// Looks whether the machine has room for the network, and changes nothing.
///
/// # Errors
/// What is in the way.
pub(crate) async fn conflicts(settings: &LxcSettings) -> Result<(), String> {
    let settings = settings.clone();
    sys::blocking(move || check_conflicts(&settings)).await
}

/// Takes the bridge, its rules and NAT away. Fine if they are not there.
///
/// # Errors
/// All that failed, in words.
pub(crate) async fn remove(settings: &LxcSettings) -> Result<(), String> {
    let mut failures = Vec::new();
    failures.extend(firewall::remove(settings).await.err());
    if let Ok(before) = file::read_text(&forwarding_before(settings)) {
        failures.extend(write_setting(Path::new(FORWARDING), &before).err());
        failures.extend(file::ensure_absent(&forwarding_before(settings)).err().map(|error| chain(&error)));
    }
    if interface(&settings.bridge).join("bridge").exists() {
        failures.extend(ip(&["link", "delete", &settings.bridge]).await.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Removes one end of a cable that a killed monitor left. Fine if it is not there.
pub(crate) async fn remove_cable(name: &str) -> Result<(), String> {
    if !interface(name).exists() {
        return Ok(());
    }
    match ip(&["link", "delete", name]).await {
        Err(_) if !interface(name).exists() => Ok(()),
        other => other,
    }
}

/// Whether the machine is fit for the network, and whether the network's rules are in force.
pub(crate) async fn findings(settings: &LxcSettings, prefix: &str, ports: &[NodePort]) -> Vec<Finding> {
    let mut found = Vec::new();
    match conflicts(settings).await {
        Err(reason) => found.push(Finding::bad(reason, "set it in director.cfg")),
        Ok(()) if exists(settings) => found.push(Finding::good(format!("bridge {} is there", settings.bridge))),
        Ok(()) => found.push(Finding::warning(
            format!("bridge {} is not there yet", settings.bridge),
            "the director makes it when it starts",
        )),
    }
    found.extend(firewall::findings(settings, prefix, ports).await);
    found.extend(firewall::foreign_drop(settings).await);
    found.extend(resolver::finding(settings));
    found
}

/// Keeps the machine from speaking IPv6 on an interface: whoever is on it could tell it routes. The rules of the
/// bridge keep that from nodes already, so a kernel that does not let itself be told keeps no node from starting.
pub(crate) fn refuse_ipv6(interface: &str) {
    let path = Path::new(IPV6_CONF).join(interface).join("disable_ipv6");
    // A kernel without IPv6, or an interface that is gone.
    if !path.exists() || file::read_text(&path).is_ok_and(|text| text.trim() == "1") {
        return;
    }
    if let Err(reason) = write_setting(&path, "1\n") {
        tracing::warn!(interface, "IPv6 stays on: {reason}");
    }
}

/// Whether this program made the bridge. One that was there may be the way to the network of the house.
fn is_ours(settings: &LxcSettings) -> bool {
    let address = file::read_text(&interface(&settings.bridge).join("address"));
    address.is_ok_and(|address| address.trim() == card_address(settings.gateway))
}

fn ensure_forwarding(settings: &LxcSettings) -> Result<(), String> {
    let before = file::read_text(Path::new(FORWARDING)).map_err(|error| chain(&error))?;
    if before.trim() == "1" {
        return Ok(());
    }
    file::write_atomic(&forwarding_before(settings), before.as_bytes(), 0o600).map_err(|error| chain(&error))?;
    write_setting(Path::new(FORWARDING), "1\n")
}

fn write_setting(path: &Path, value: &str) -> Result<(), String> {
    let outcome = machine::inside(|| std::fs::write(path, value)).and_then(|outcome| outcome);
    outcome.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn forwarding_before(settings: &LxcSettings) -> PathBuf {
    settings.state_directory.join("ip-forward-before")
}

async fn ip(arguments: &[&str]) -> Result<(), String> {
    program::run("ip", arguments, LIMIT).await.map(drop).map_err(|error: ProgramError| chain(&error))
}
