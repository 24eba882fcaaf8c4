//! Where the welcome page is served, and what it tells of.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::api::first_boot::WELCOME_FILE;

/// Where the page is served and what it tells of.
#[derive(Debug, Clone)]
pub(crate) struct WebOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The first boot's directory.
    pub state_dir: PathBuf,
    /// The socket on which root gives the first login away.
    pub first_login_socket: PathBuf,
    /// The file of the last known time.
    pub last_time: PathBuf,
}

impl WebOptions {
    /// Returns the file that says what the page tells.
    pub(crate) fn welcome(&self) -> PathBuf {
        self.state_dir.join(WELCOME_FILE)
    }

    /// Returns the file `name` of the first boot's directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.state_dir.join(name)
    }
}
