//! `conpaas web`: the welcome page of a machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Command, CommandFactory, Parser};

use crate::api::first_boot::{FIRST_BOOT_DIR, FIRST_LOGIN_SOCKET};
use crate::welcome;
use crate::welcome::WebOptions;

/// Serve the welcome page of this machine
#[derive(Debug, Parser)]
#[command(name = "conpaas web", disable_help_subcommand = true)]
struct WebLine {
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

/// What the role understands.
pub(crate) fn tree() -> Command {
    WebLine::command()
}

pub(crate) fn run(words: &[String]) -> ExitCode {
    match WebLine::try_parse_from(std::iter::once("conpaas web").chain(words.iter().map(String::as_str))) {
        Ok(line) => welcome::run(WebOptions {
            listen: line.listen,
            state_dir: line.state_dir,
            first_login_socket: line.first_login_socket,
            last_time: line.last_time,
        }),
        Err(error) => error.exit(),
    }
}
