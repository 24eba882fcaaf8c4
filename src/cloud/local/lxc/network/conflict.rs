//! Whether the network of the nodes fits into what this machine has already. Changes nothing.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;

use super::super::settings::LxcSettings;
use crate::model::Ipv4Network;
use crate::task::poll::blocking_until;

/// While a machine boots, its bridge gets one address after the other.
const SETTLE: Duration = Duration::from_secs(5);

/// An IPv4 address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    interface: String,
    address: Ipv4Addr,
    prefix: u8,
}

/// What stands where the bridge shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    Bridge,
    OtherInterface,
}

/// Looks at this machine's interfaces. Blocking, for some seconds where a bridge has other addresses than its own.
///
/// # Errors
/// What the nodes' network would clash with, in words that name both and the remedy.
pub(crate) fn check(settings: &LxcSettings) -> Result<(), String> {
    let interface = Path::new("/sys/class/net").join(&settings.bridge);
    let place = match (interface.exists(), interface.join("bridge").exists()) {
        (false, _) => Place::Free,
        (true, true) => Place::Bridge,
        (true, false) => Place::OtherInterface,
    };
    let is_port = |name: &str| interface.join("brif").join(name).exists();
    let look = || -> Vec<Address> { addresses().into_iter().filter(|address| !is_port(&address.interface)).collect() };
    let is_settled = || {
        let addresses = look();
        let mut own = addresses.iter().filter(|address| address.interface == settings.bridge).peekable();
        own.peek().is_none() || own.any(|address| address.address == settings.gateway)
    };
    let _told_below = blocking_until(Duration::from_millis(100), SETTLE, is_settled);
    compare(settings, place, &look())
}

fn addresses() -> Vec<Address> {
    let mut found = Vec::new();
    for entry in getifaddrs().into_iter().flatten() {
        let ipv4 = |storage: Option<nix::sys::socket::SockaddrStorage>| {
            storage.as_ref().and_then(|storage| storage.as_sockaddr_in()).map(nix::sys::socket::SockaddrIn::ip)
        };
        if let (Some(address), Some(mask)) = (ipv4(entry.address), ipv4(entry.netmask)) {
            let prefix = u8::try_from(mask.to_bits().leading_ones()).unwrap_or(32);
            found.push(Address { interface: entry.interface_name, address, prefix });
        }
    }
    found
}

fn compare(settings: &LxcSettings, place: Place, addresses: &[Address]) -> Result<(), String> {
    let (bridge, gateway, network) = (&settings.bridge, settings.gateway, settings.network);
    if place == Place::OtherInterface {
        return Err(format!(
            "BRIDGE {bridge} is a network interface of this machine, but no bridge: name one that is, or one that is not there yet"
        ));
    }
    let (own, others): (Vec<&Address>, Vec<&Address>) =
        addresses.iter().partition(|address| address.interface == *bridge);
    if !own.is_empty() && !own.iter().any(|address| address.address == gateway) {
        let has: Vec<String> = own.iter().map(|address| format!("{}/{}", address.address, address.prefix)).collect();
        return Err(format!(
            "bridge {bridge} has the address {}, but GATEWAY is {gateway}: it is somebody else's, so set BRIDGE to another name, \
             or NETWORK and GATEWAY to what it has",
            has.join(", ")
        ));
    }
    let nodes = settings.first_address..=settings.last_address;
    for Address { interface, address, prefix } in own.into_iter().chain(others.iter().copied()) {
        if nodes.contains(address) {
            return Err(format!(
                "{interface} has the address {address}, which is among those of nodes, {} to {}: set FIRST_ADDRESS and \
                 LAST_ADDRESS, or NETWORK to another one, such as 10.77.0.0/24",
                settings.first_address, settings.last_address
            ));
        }
        // A host of its own brings no network with it.
        let around = Ipv4Network::around(*address, *prefix);
        if interface != bridge && around.is_some_and(|around| around.overlaps(network)) {
            return Err(format!(
                "NETWORK {network} overlaps the network of {interface}, which has {address}/{prefix}: set NETWORK to another \
                 one, such as 10.77.0.0/24"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CloudName;

    fn verdict(place: Place, addresses: &[(&str, &str, u8)]) -> String {
        let path = |text: &str| std::path::PathBuf::from(text);
        let mut settings = LxcSettings::usual(CloudName::default_cloud(), path("/s"), path("/r"), path("/p"));
        settings.gateway = Ipv4Addr::new(172, 16, 0, 11);
        settings.first_address = Ipv4Addr::new(172, 16, 0, 32);
        let addresses: Vec<Address> = addresses
            .iter()
            .map(|(interface, address, prefix)| Address {
                interface: (*interface).to_owned(),
                address: address.parse().unwrap(),
                prefix: *prefix,
            })
            .collect();
        compare(&settings, place, &addresses).err().unwrap_or_default()
    }

    #[test]
    fn what_fits_is_taken() {
        let lan = ("eth0", "192.168.1.5", 24);
        assert_eq!(verdict(Place::Free, &[lan, ("lo", "127.0.0.1", 8)]), "");
        assert_eq!(verdict(Place::Bridge, &[lan]), "");
        // The machine's cable is in the bridge, and the house gave the bridge another address.
        assert_eq!(verdict(Place::Bridge, &[("conpaas0", "192.168.1.5", 24), ("conpaas0", "172.16.0.11", 24)]), "");
        // A second card has the bridge's own address, for itself alone.
        assert_eq!(verdict(Place::Bridge, &[("conpaas0", "172.16.0.11", 24), ("eth1", "172.16.0.11", 32)]), "");
        assert_eq!(verdict(Place::Free, &[("wg0", "172.16.1.1", 24)]), "");
    }

    #[test]
    fn what_clashes_is_named_on_both_sides() {
        type Case<'a> = (Place, &'a [(&'a str, &'a str, u8)], &'a str);
        let table: &[Case<'_>] = &[
            (Place::OtherInterface, &[("conpaas0", "172.16.0.11", 24)], "BRIDGE conpaas0 is a network interface"),
            (
                Place::Bridge,
                &[("conpaas0", "172.17.0.1", 16)],
                "has the address 172.17.0.1/16, but GATEWAY is 172.16.0.11",
            ),
            (
                Place::Free,
                &[("eth0", "172.16.0.5", 24)],
                "172.16.0.0/24 overlaps the network of eth0, which has 172.16.0.5/24",
            ),
            (Place::Free, &[("eth0", "172.16.200.1", 12)], "overlaps the network of eth0"),
            (
                Place::Free,
                &[("eth0", "172.16.0.40", 24)],
                "eth0 has the address 172.16.0.40, which is among those of nodes",
            ),
            (Place::Free, &[("wg0", "172.16.0.40", 32)], "among those of nodes, 172.16.0.32 to 172.16.0.254"),
            (
                Place::Bridge,
                &[("conpaas0", "172.16.0.11", 24), ("conpaas0", "172.16.0.40", 24)],
                "conpaas0 has the address 172.16.0.40",
            ),
        ];
        for (place, addresses, words) in table {
            let text = verdict(*place, addresses);
            assert!(text.contains(words), "{words}: {text:?}");
        }
    }
}
