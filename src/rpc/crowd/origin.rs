//! Where a caller comes from, as far as one caller can be told from another by that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Ipv4Network;

/// The place that one caller may have to himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// One address; of IPv6 the network of 64 bits, which a machine has to itself.
    Address(IpAddr),
    /// Any node of a cluster network, by that network's address: a node can give itself more addresses.
    Nodes(Ipv4Addr),
}

/// Knows the networks whose hosts cannot be told apart.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Each with the one address in it that no node has.
    networks: Vec<(Ipv4Network, Option<Ipv4Addr>)>,
}

impl Origins {
    /// Takes all hosts of `network` for one, but not `apart`, which is the machine's own.
    #[must_use]
    pub(crate) fn with_nodes(mut self, network: Ipv4Network, apart: Option<Ipv4Addr>) -> Self {
        self.networks.push((network, apart));
        self
    }

    /// Returns where a caller with this address comes from.
    #[must_use]
    pub(crate) fn of(&self, address: IpAddr) -> Origin {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                return Origin::Address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into());
            }
            IpAddr::V4(address) => address,
        };
        let is_node = |(network, apart): &&(Ipv4Network, Option<Ipv4Addr>)| {
            network.contains_host(address) && *apart != Some(address)
        };
        match self.networks.iter().find(is_node) {
            Some((network, _)) => Origin::Nodes(network.address()),
            None => Origin::Address(address.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_network_are_one_and_the_machine_itself_is_another() {
        let network = "172.16.0.0/24".parse().unwrap();
        let origins = Origins::default().with_nodes(network, Some(Ipv4Addr::new(172, 16, 0, 1)));
        let of = |text: &str| origins.of(text.parse().unwrap());
        assert_eq!(of("172.16.0.7"), of("172.16.0.254"));
        assert_eq!(of("172.16.0.7"), of("::ffff:172.16.0.9"));
        let others = ["172.16.0.7", "172.16.0.1", "172.16.1.7", "10.0.0.1", "10.0.0.2", "2001:db8::1"].map(of);
        for (at, one) in others.iter().enumerate() {
            assert!(!others[..at].contains(one), "{one:?}");
        }
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"), "a machine has a whole network of IPv6");
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
