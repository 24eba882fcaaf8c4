//! The settings of a machine, checked: what the first boot is to make of it.
//!
//! Must not know from which source a value came.

use std::net::{IpAddr, Ipv4Addr};

use super::plan::NetworkPlan;
use crate::model::Ipv4Network;

/// Everything that the first boot is to make of a machine. Holds secrets: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its purpose.
    pub role: MachineRole,
    /// Its name, one label of small letters, digits and `-`.
    pub hostname: String,
    /// The account that people log in to.
    pub account: Account,
    /// Two letters, for which channels may be used.
    pub wifi_country: Option<String>,
    /// The wireless network to join.
    pub wifi: Option<Wifi>,
    /// The addresses of the cluster.
    pub plan: NetworkPlan,
    /// Its address in the network of the house.
    pub lan: Lan,
    /// Name servers, besides those that DHCP tells.
    pub dns: Vec<IpAddr>,
    /// Hosts that tell the time.
    pub time_servers: Vec<String>,
    /// Name of a file below `/usr/share/zoneinfo`.
    pub timezone: String,
    /// Layout of a keyboard, such as `de`.
    pub keyboard: Option<String>,
    /// The first user of ConPaaS.
    pub user: FirstUser,
}

/// The purpose of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineRole {
    /// A whole ConPaaS.
    Director,
    /// A node for somebody else's backend.
    Compute,
}

/// The account of the system that people log in to.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Public keys that open it.
    pub ssh_keys: Vec<String>,
    /// Its password; without one and without keys the machine makes one up.
    pub password: Option<AccountPassword>,
    /// Whether the password opens it from the network, too.
    pub may_use_password_by_ssh: bool,
}

/// A password as it was given.
#[derive(Clone, PartialEq, Eq)]
pub enum AccountPassword {
    /// Itself.
    Plain(String),
    /// Its hash as `/etc/shadow` holds it.
    Hash(String),
}

/// A wireless network.
#[derive(Clone, PartialEq, Eq)]
pub struct Wifi {
    /// Its name (SSID), at most 32 bytes, mostly UTF-8.
    pub name: Vec<u8>,
    /// Its secret; none for an open network.
    pub secret: Option<WifiSecret>,
    /// Whether it does not tell its name.
    pub is_hidden: bool,
}

/// The secret of a wireless network.
#[derive(Clone, PartialEq, Eq)]
pub enum WifiSecret {
    /// 8 to 63 printable ASCII characters.
    Passphrase(String),
    /// The key that is made of it: 64 hexadecimal digits.
    Key(String),
}

/// The machine's address in the network of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lan {
    /// The network tells it.
    Dhcp,
    /// People told it.
    Fixed {
        /// The address.
        address: Ipv4Addr,
        /// The network it lies in.
        network: Ipv4Network,
        /// The way to other networks.
        gateway: Option<Ipv4Addr>,
    },
}

/// The first user of ConPaaS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstUser {
    /// Login name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Credit to begin with.
    pub credit: u32,
}
