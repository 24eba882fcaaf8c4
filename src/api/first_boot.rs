//! Facts that the first boot of a machine tells its console and its welcome page.
//!
//! Must not know how they are found or shown.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The directory of the first boot's state, on the machine's own root.
pub const FIRST_BOOT_DIR: &str = "/var/lib/conpaas/first-boot";
/// [`Welcome`] in that directory; anybody may read it.
pub const WELCOME_FILE: &str = "welcome.json";
/// [`FirstLogin`] in that directory; only root may read it. It is there until it was taken.
pub const FIRST_LOGIN_FILE: &str = "first-login.json";
/// The socket at which root hands the first login out, once, to the welcome page.
pub const FIRST_LOGIN_SOCKET: &str = "/run/conpaas/first-login.sock";

/// Facts of a machine that anybody on the local network may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The machine's name, without `.local`.
    pub hostname: String,
    /// The account of its system.
    pub account: String,
    /// The machine's address in the network of the cluster.
    pub address: Ipv4Addr,
    /// The lowest address of a container.
    pub first_container: Ipv4Addr,
    /// The highest address of a container.
    pub last_container: Ipv4Addr,
    /// The director, if this machine has one.
    pub director: Option<WelcomeDirector>,
    /// The number of settings that could not be used; they stand in a file on the card.
    pub n_problems: usize,
}

/// A director, as its users need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WelcomeDirector {
    /// Its URL.
    pub url: String,
    /// Its first user.
    pub user: String,
    /// The authority's certificate in PEM.
    pub authority_pem: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// Its pages for browsers, where they are served.
    #[serde(default)]
    pub pages: Option<WelcomePages>,
}

/// Pages for browsers, as visitors need to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WelcomePages {
    /// Where they are.
    pub url: String,
    /// The certificate of the web authority in PEM.
    pub authority_pem: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
}

/// The passwords that the first boot made up. Secret: no `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstLogin {
    /// The first user of ConPaaS.
    pub conpaas: Option<Login>,
    /// The account of the system.
    pub system: Option<Login>,
}

impl FirstLogin {
    /// Returns whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conpaas.is_none() && self.system.is_none()
    }
}

/// A name and its password. Secret: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}
