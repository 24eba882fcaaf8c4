//! The bridge that all nodes of a cloud are on, and the way out of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::{LxcSettings, Nat};
use crate::sys::chain;
use crate::sys::file;
use crate::sys::machine;
use crate::sys::program::{self, ProgramError};

const LIMIT: Duration = Duration::from_secs(10);
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// Whether the bridge is there.
pub(crate) fn exists(settings: &LxcSettings) -> bool {
    Path::new("/sys/class/net").join(&settings.bridge).exists()
}

/// Makes the bridge with its address, and NAT if wanted. May be repeated.
///
/// # Errors
/// What failed, in words.
pub(crate) async fn ensure(settings: &LxcSettings) -> Result<(), String> {
    let bridge = settings.bridge.as_str();
    if !exists(settings) {
        let [a, b, c, d] = settings.gateway.octets();
        // A fixed address: a bridge without one takes its ports', and changes it as they come and go.
        let address = format!("02:c0:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        match ip(&["link", "add", "name", bridge, "address", &address, "type", "bridge"]).await {
            Err(_) if exists(settings) => {}
            other => other?,
        }
    }
    let address = format!("{}/{}", settings.gateway, settings.network.prefix());
    ip(&["address", "replace", &address, "dev", bridge]).await?;
    ip(&["link", "set", bridge, "up"]).await?;
    if settings.nat == Nat::On { ensure_nat(settings).await } else { Ok(()) }
}

/// Takes the bridge and NAT away. Fine if they are not there.
///
/// # Errors
/// All that failed, in words.
pub(crate) async fn remove(settings: &LxcSettings) -> Result<(), String> {
    let mut failures = Vec::new();
    if rules(settings).exists() {
        // Deleting what is not there is an error, so it is declared first.
        let table = table(settings);
        failures.extend(load(settings, &format!("table ip {table} {{}}\ndelete table ip {table}\n")).await.err());
        failures.extend(file::ensure_absent(&rules(settings)).err().map(|error| chain(&error)));
    }
    if let Ok(before) = file::read_text(&forwarding_before(settings)) {
        failures.extend(set_forwarding(&before).err());
        failures.extend(file::ensure_absent(&forwarding_before(settings)).err().map(|error| chain(&error)));
    }
    if exists(settings) {
        failures.extend(ip(&["link", "delete", &settings.bridge]).await.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Removes one end of a cable that a killed monitor left. Fine if it is not there.
pub(crate) async fn remove_cable(name: &str) -> Result<(), String> {
    if !Path::new("/sys/class/net").join(name).exists() {
        return Ok(());
    }
    match ip(&["link", "delete", name]).await {
        Err(_) if !Path::new("/sys/class/net").join(name).exists() => Ok(()),
        other => other,
    }
}

async fn ensure_nat(settings: &LxcSettings) -> Result<(), String> {
    let before = file::read_text(Path::new(FORWARDING)).map_err(|error| chain(&error))?;
    if before.trim() != "1" {
        file::write_atomic(&forwarding_before(settings), before.as_bytes(), 0o600).map_err(|error| chain(&error))?;
        set_forwarding("1\n")?;
    }
    let table = table(settings);
    let network = format!("{}/{}", settings.network.address(), settings.network.prefix());
    // By where packets go, not by the interface: the machine's own cable may be in the bridge, and the
    // way to other networks then leads out of the bridge, too.
    let rules = format!(
        "table ip {table} {{}}\ndelete table ip {table}\ntable ip {table} {{\n  chain postrouting {{\n    \
         type nat hook postrouting priority srcnat; policy accept;\n    \
         ip saddr {network} ip daddr != {network} masquerade\n  }}\n}}\n"
    );
    load(settings, &rules).await
}

fn set_forwarding(value: &str) -> Result<(), String> {
    let outcome = machine::inside(|| std::fs::write(FORWARDING, value)).and_then(|outcome| outcome);
    outcome.map_err(|error| format!("cannot write {FORWARDING}: {error}"))
}

async fn load(settings: &LxcSettings, text: &str) -> Result<(), String> {
    let path = rules(settings);
    file::write_atomic(&path, text.as_bytes(), 0o600).map_err(|error| chain(&error))?;
    let outcome = program::run("nft", &["-f".as_ref(), path.as_os_str()], LIMIT).await;
    outcome.map(drop).map_err(|error| chain(&error))
}

fn rules(settings: &LxcSettings) -> PathBuf {
    settings.state_directory.join("nat.nft")
}

fn forwarding_before(settings: &LxcSettings) -> PathBuf {
    settings.state_directory.join("ip-forward-before")
}

fn table(settings: &LxcSettings) -> String {
    format!("conpaas_{}", settings.bridge.replace('-', "_"))
}

async fn ip(arguments: &[&str]) -> Result<(), String> {
    program::run("ip", arguments, LIMIT).await.map(drop).map_err(|error: ProgramError| chain(&error))
}
