//! The addresses of a cluster: host numbers that stay the same in every network.

use std::net::Ipv4Addr;

use crate::model::Ipv4Network;

/// Which address of the cluster's network is for what.
///
/// .1 is the backend of compute nodes, .2 to .10 are further servers, .11 to
/// .31 machines, .32 to .61 containers; .200 to .254 are left to clients and
/// public addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The whole network.
    pub network: Ipv4Network,
    /// This machine.
    pub own: Ipv4Addr,
    /// The lowest address of a container.
    pub first_container: Ipv4Addr,
    /// The highest address of a container.
    pub last_container: Ipv4Addr,
    /// The machine that compute nodes work for.
    pub backend: Ipv4Addr,
}

/// The longest prefix that has room for every number of the plan.
pub(crate) const MAX_PREFIX: u8 = 26;
/// The numbers that a machine may have.
pub(crate) const MACHINE_NUMBERS: std::ops::RangeInclusive<u32> = 2..=31;
/// The number of the first machine.
pub(crate) const FIRST_MACHINE: u32 = 11;

const BACKEND: u32 = 1;
const CONTAINERS: std::ops::RangeInclusive<u32> = 32..=61;

impl NetworkPlan {
    /// Returns the plan for `network`, where this machine has the number `own`; nothing
    /// where the network is too small for it.
    #[must_use]
    pub fn new(network: Ipv4Network, own: u32) -> Option<Self> {
        Some(NetworkPlan {
            network,
            own: network.host(own)?,
            first_container: network.host(*CONTAINERS.start())?,
            last_container: network.host(*CONTAINERS.end())?,
            backend: network.host(BACKEND)?,
        })
    }

    /// Returns the seed's plan: 172.16.0.0/24, first machine.
    #[must_use]
    pub fn standard() -> Self {
        let network = Ipv4Network::around(Ipv4Addr::new(172, 16, 0, 1), 24);
        network
            .and_then(|network| NetworkPlan::new(network, FIRST_MACHINE))
            .expect("172.16.0.0/24 has room for every number of the plan")
    }

    /// Returns whether a container may have this address.
    #[must_use]
    pub fn is_container(&self, address: Ipv4Addr) -> bool {
        (self.first_container..=self.last_container).contains(&address)
    }
}
