//! The addresses that this machine has at this moment.
//!
//! Must not know what an address is for.

use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// One address of one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnAddress {
    /// The interface, such as `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// How many leading bits it shares with its neighbours.
    pub prefix: u8,
}

impl OwnAddress {
    /// Returns whether `other` is a neighbour: in the same network.
    #[must_use]
    pub(crate) fn reaches(&self, other: IpAddr) -> bool {
        let shared = |own: &[u8], other: &[u8]| {
            let whole = usize::from(self.prefix / 8);
            let rest = self.prefix % 8;
            let tail = |bytes: &[u8]| bytes.get(whole).map(|byte| byte.checked_shr(u32::from(8 - rest)).unwrap_or(0));
            own.get(..whole) == other.get(..whole) && (rest == 0 || tail(own) == tail(other))
        };
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => shared(&own.octets(), &other.octets()),
            (IpAddr::V6(own), IpAddr::V6(other)) => shared(&own.octets(), &other.octets()),
            _ => false,
        }
    }
}

/// Returns all addresses of interfaces that are up, the loopback's included. Blocking.
///
/// # Errors
/// The kernel does not tell.
pub(crate) fn own() -> std::io::Result<Vec<OwnAddress>> {
    let up = getifaddrs()?.filter(|found| found.flags.contains(InterfaceFlags::IFF_UP));
    let addresses = up.filter_map(|found| {
        let address = ip(found.address.as_ref()?)?;
        let prefix = match ip(found.netmask.as_ref()?)? {
            IpAddr::V4(mask) => mask.to_bits().leading_ones(),
            IpAddr::V6(mask) => mask.to_bits().leading_ones(),
        };
        Some(OwnAddress { interface: found.interface_name, address, prefix: u8::try_from(prefix).ok()? })
    });
    Ok(addresses.collect())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*address).into()).ip());
    }
    address.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into()).ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_the_prefix() {
        let own =
            |address: &str, prefix| OwnAddress { interface: "x".into(), address: address.parse().unwrap(), prefix };
        for (address, prefix, other, is_neighbour) in [
            ("172.16.0.11", 24, "172.16.0.254", true),
            ("172.16.0.11", 24, "172.16.1.11", false),
            ("10.0.0.1", 9, "10.127.0.1", true),
            ("10.0.0.1", 9, "10.128.0.1", false),
            ("10.0.0.1", 32, "10.0.0.1", true),
            ("10.0.0.1", 32, "10.0.0.2", false),
            ("10.0.0.1", 0, "192.0.2.1", true),
            ("10.0.0.1", 8, "::1", false),
            ("fe80::1", 64, "fe80::2", true),
            ("fd00::1", 65, "fd00::8000:0:0:2", false),
            ("::1", 128, "::1", true),
        ] {
            let reaches = own(address, prefix).reaches(other.parse().unwrap());
            assert_eq!(reaches, is_neighbour, "{address}/{prefix} {other}");
        }
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        let own = own().unwrap();
        assert!(own.iter().any(|own| own.address.is_loopback() && own.prefix >= 8), "{own:?}");
    }
}
