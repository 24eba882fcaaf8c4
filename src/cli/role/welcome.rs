//! `conpaas web`: the welcome page of a machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use super::line::{Outcome, RoleLine};
use crate::api::first_boot::{FIRST_BOOT_DIR, FIRST_LOGIN_SOCKET};
use crate::welcome;
use crate::welcome::WebOptions;

/// Serve the welcome page of this machine
#[derive(Debug, Parser)]
#[command(name = "conpaas web", disable_help_subcommand = true)]
pub(crate) struct WebLine {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:80")]
    listen: SocketAddr,
    /// Where the first boot keeps what the page tells
    #[arg(long, value_name = "DIR", default_value = FIRST_BOOT_DIR)]
    state_dir: PathBuf,
    /// The socket on which root gives the first login away
    #[arg(long, value_name = "FILE", default_value = FIRST_LOGIN_SOCKET)]
    first_login_socket: PathBuf,
    /// The file of the last known time
    #[arg(long, value_name = "FILE", default_value = "/var/lib/conpaas/last-time")]
    last_time: PathBuf,
}

impl RoleLine for WebLine {
    fn run(self) -> Outcome {
        Ok(welcome::run(WebOptions {
            listen: self.listen,
            state_dir: self.state_dir,
            first_login_socket: self.first_login_socket,
            last_time: self.last_time,
        }))
    }
}
