//! Which addresses are of the public web: a director that fetches files for strangers asks no others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns whether an address is of the public web, and of no private network, this machine, or a group.
#[must_use]
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_unspecified();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_protocols = (a, b, c) == (192, 0, 0);
    let is_benchmark = a == 198 && (b == 18 || b == 19);
    !(is_special || is_shared || is_for_protocols || is_benchmark || a == 0 || a >= 240)
}

/// Only addresses that are given to networks of the web are; among them are some that hold one of version 4.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let is_given_out = parts[0] & 0xe000 == 0x2000;
    let holds_another = parts[0] == 0x2002 || (parts[0] == 0x2001 && parts[1] < 0x0200);
    let is_documentation = parts[0] == 0x2001 && parts[1] == 0x0db8;
    is_given_out && !holds_another && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_private_network_is_public_in_any_spelling() {
        for public in ["151.101.2.132", "8.8.8.8", "2a04:4e42::644"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:0:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
