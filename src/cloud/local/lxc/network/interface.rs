//! Network interfaces of the machine: the bridge, and the addresses of cards on it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::super::settings::LxcSettings;

/// Whether the bridge is there.
pub(crate) fn exists(settings: &LxcSettings) -> bool {
    interface(&settings.bridge).exists()
}

/// The hardware address of whoever has an IPv4 address on the bridge.
///
/// Made of it, so that neighbours' tables stay right when an address is used again, and so that a bridge does
/// not take its ports' addresses as they come and go.
pub(crate) fn card_address(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:c0:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

pub(super) fn interface(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}
