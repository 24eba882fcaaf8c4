//! A range of IPv4 addresses, as `172.16.0.0/24`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network: write it as 172.16.0.0/24, with no bit set after the prefix, prefix 8 to 30")]
pub struct ParseNetworkError(pub String);

/// Addresses that no machine is reached by from others.
const SPECIAL: [([u8; 4], u8, &str); 5] = [
    ([0, 0, 0, 0], 8, "this machine itself"),
    ([127, 0, 0, 0], 8, "this machine alone (loopback)"),
    ([169, 254, 0, 0], 16, "cables without any configuration (link-local)"),
    ([224, 0, 0, 0], 4, "groups of machines (multicast)"),
    ([240, 0, 0, 0], 4, "nobody (reserved), and broadcasts"),
];

fn special(address: [u8; 4], prefix: u8) -> Ipv4Network {
    Ipv4Network { address: Ipv4Addr::from(address), prefix }
}

/// An IPv4 network with room for at least two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv4Network {
    address: Ipv4Addr,
    prefix: u8,
}

impl Ipv4Network {
    /// The address of the network itself.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// Number of leading bits that all its addresses share, 8 to 30.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The host with the lowest address.
    #[must_use]
    pub fn first_host(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() + 1)
    }

    /// The host with the highest address (the one after it is the broadcast address).
    #[must_use]
    pub fn last_host(self) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.address.to_bits() | !self.mask()) - 1)
    }

    /// The `number`th address, counted from the network's own.
    #[must_use]
    pub fn host(self, number: u32) -> Option<Ipv4Addr> {
        let address = Ipv4Addr::from_bits(self.address.to_bits().checked_add(number)?);
        self.contains_host(address).then_some(address)
    }

    /// The network of `prefix` bits that `address` lies in, if it may be a host there.
    #[must_use]
    pub fn around(address: Ipv4Addr, prefix: u8) -> Option<Ipv4Network> {
        if !(8..=30).contains(&prefix) {
            return None;
        }
        let mask = u32::MAX << (32 - u32::from(prefix));
        let network = Ipv4Network { address: Ipv4Addr::from_bits(address.to_bits() & mask), prefix };
        network.contains_host(address).then_some(network)
    }

    /// Whether a host of this network may have `address`.
    #[must_use]
    pub fn contains_host(self, address: Ipv4Addr) -> bool {
        (self.first_host()..=self.last_host()).contains(&address)
    }

    /// Looks whether machines can have addresses of this network.
    ///
    /// # Errors
    /// What the network is for instead.
    pub fn check_usable(self) -> Result<(), String> {
        match SPECIAL.iter().find(|(address, prefix, _)| self.overlaps(special(*address, *prefix))) {
            None => Ok(()),
            Some((address, prefix, what)) => {
                let [a, b, c, d] = address;
                Err(format!(
                    "no machine can have an address of {self}: {a}.{b}.{c}.{d}/{prefix} is for {what}; take a private \
                     network, such as 172.16.0.0/24"
                ))
            }
        }
    }

    /// Looks whether one machine can have `address` so that others reach it.
    ///
    /// # Errors
    /// What the address is for instead.
    pub fn check_host(address: Ipv4Addr) -> Result<(), String> {
        let network = |prefix| Ipv4Network { address, prefix };
        match SPECIAL.iter().find(|(first, prefix, _)| network(32).overlaps(special(*first, *prefix))) {
            None => Ok(()),
            Some((_, _, what)) => Err(format!("{address} is for {what}")),
        }
    }

    /// Whether some address lies in both.
    #[must_use]
    pub fn overlaps(self, other: Ipv4Network) -> bool {
        let mask = self.mask() & other.mask();
        self.address.to_bits() & mask == other.address.to_bits() & mask
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or_default()
    }
}

impl FromStr for Ipv4Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let fail = || ParseNetworkError(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(fail)?;
        let address: Ipv4Addr = address.parse().map_err(|_| fail())?;
        let prefix: u8 = prefix.parse().map_err(|_| fail())?;
        let network = Ipv4Network { address, prefix };
        if !(8..=30).contains(&prefix) || address.to_bits() & !network.mask() != 0 {
            return Err(fail());
        }
        Ok(network)
    }
}

impl fmt::Display for Ipv4Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Ipv4Network {
        text.parse().unwrap()
    }

    #[test]
    fn its_hosts_leave_out_the_network_and_the_broadcast_address() {
        let seed = network("172.16.0.0/24");
        assert_eq!(seed.first_host(), Ipv4Addr::new(172, 16, 0, 1));
        assert_eq!(seed.last_host(), Ipv4Addr::new(172, 16, 0, 254));
        for (host, inside) in [(0, false), (1, true), (254, true), (255, false)] {
            assert_eq!(seed.contains_host(Ipv4Addr::new(172, 16, 0, host)), inside, "{host}");
        }
        assert!(!seed.contains_host(Ipv4Addr::new(172, 16, 1, 1)));
        assert_eq!(seed.to_string(), "172.16.0.0/24");
    }

    #[test]
    fn hosts_are_counted_from_the_networks_own_address() {
        let seed = network("172.16.0.0/24");
        assert_eq!(seed.host(11), Some(Ipv4Addr::new(172, 16, 0, 11)));
        for number in [0, 255, 256, u32::MAX] {
            assert_eq!(seed.host(number), None, "{number}");
        }
        assert_eq!(Ipv4Network::around(Ipv4Addr::new(172, 16, 0, 11), 24), Some(seed));
        for (last, prefix) in [(0, 24), (255, 24), (11, 31), (11, 7)] {
            assert_eq!(Ipv4Network::around(Ipv4Addr::new(172, 16, 0, last), prefix), None, ".{last}/{prefix}");
        }
    }

    #[test]
    fn overlap_is_seen_whatever_the_sizes() {
        assert!(network("10.0.0.0/8").overlaps(network("10.3.4.0/24")));
        assert!(network("10.3.4.0/24").overlaps(network("10.0.0.0/8")));
        assert!(!network("10.3.4.0/24").overlaps(network("10.3.5.0/24")));
    }

    #[test]
    fn networks_without_machines_are_refused() {
        for text in [
            "127.0.0.0/24",
            "127.77.0.0/16",
            "224.1.0.0/16",
            "239.0.0.0/8",
            "255.255.255.0/24",
            "0.0.0.0/8",
            "169.254.1.0/24",
            "240.0.0.0/8",
        ] {
            assert!(network(text).check_usable().is_err(), "{text}");
        }
        for text in ["10.0.0.0/8", "172.16.0.0/24", "192.168.7.0/24", "100.64.0.0/10", "203.0.113.0/24", "128.0.0.0/8"]
        {
            assert_eq!(network(text).check_usable(), Ok(()), "{text}");
        }
        assert!(Ipv4Network::check_host(Ipv4Addr::BROADCAST).is_err());
        assert_eq!(Ipv4Network::check_host(Ipv4Addr::new(192, 168, 1, 5)), Ok(()));
    }

    #[test]
    fn texts_that_are_no_network_are_refused() {
        for text in ["", "172.16.0.0", "172.16.0.1/24", "172.16.0.0/31", "172.16.0.0/7", "300.0.0.0/8", "a/24"] {
            assert!(text.parse::<Ipv4Network>().is_err(), "{text}");
        }
    }
}
