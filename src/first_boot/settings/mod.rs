//! What people tell a board before its first boot: `conpaas.txt`, Raspberry
//! Pi Imager's customisation, the image's own defaults.
//!
//! Each source is read into [`Entry`] values, `key = value` with the place
//! where it stands; [`resolve()`] makes them one checked [`Settings`].
//!
//! # Guarantees
//! - Whatever the sources hold, settings come out: what cannot be used is a
//!   [`Problem`] that names file, line, key and what would be right.
//! - No value reaches a file or a program of the system unchecked.
//!
//! Must not know: where anything is written on the board.

mod entry;
mod keys;
mod plan;
mod resolve;
mod text;
mod value;

pub(crate) use entry::{Entry, Origin, Problem};
pub(crate) use keys::is_secret;
pub(crate) use plan::NetworkPlan;
pub use resolve::resolve;
pub use text::read;
pub(crate) use text::{MAX_BYTES, masked};

use std::net::{IpAddr, Ipv4Addr};

use crate::model::Ipv4Network;

/// Everything that the first boot is to make of a board. Holds secrets: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the board is for.
    pub role: BoardRole,
    /// Its name, one label of small letters, digits and `-`.
    pub hostname: String,
    /// Who logs in to the system.
    pub account: Account,
    /// Two letters, for which channels may be used.
    pub wifi_country: Option<String>,
    /// The wireless network to join.
    pub wifi: Option<Wifi>,
    /// The addresses of the cluster.
    pub plan: NetworkPlan,
    /// How the board gets its address in the network of the house.
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

/// What a board is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardRole {
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
    /// Its password; without one and without keys the board makes one up.
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
    /// Its name (SSID), at most 32 bytes.
    pub name: String,
    /// How it is entered; nothing for an open one.
    pub secret: Option<WifiSecret>,
    /// Whether it does not tell its name.
    pub is_hidden: bool,
}

/// How a wireless network is entered.
#[derive(Clone, PartialEq, Eq)]
pub enum WifiSecret {
    /// 8 to 63 printable ASCII characters.
    Passphrase(String),
    /// The key that is made of it: 64 hexadecimal digits.
    Key(String),
}

/// The board's address in the network of the house.
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

#[cfg(test)]
mod tests;
