//! `conpaas manager` and `conpaas agent`: what runs in a node.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Command, CommandFactory, Parser};

use crate::service::node::Options;
use crate::{agent, manager};

/// Run the program of a node
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
struct NodeLine {
    /// The node's configuration [default: /root/config.cfg below the root]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Port to listen on [default: 443 for a manager, 5555 for an agent]
    #[arg(short, long)]
    port: Option<u16>,
    /// Address to listen on [default: all]
    #[arg(short, long)]
    bind: Option<Ipv4Addr>,
    /// The directory that stands for / of the node
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// What both roles understand.
pub(super) fn tree() -> Command {
    NodeLine::command()
}

pub(super) fn manager(words: &[String]) -> ExitCode {
    with_options("conpaas manager", words, manager::run)
}

pub(super) fn agent(words: &[String]) -> ExitCode {
    with_options("conpaas agent", words, agent::run)
}

fn with_options(name: &'static str, words: &[String], run: fn(&Options) -> ExitCode) -> ExitCode {
    match NodeLine::try_parse_from(std::iter::once(name).chain(words.iter().map(String::as_str))) {
        Ok(line) => run(&Options { config: line.config, port: line.port, bind: line.bind, root: line.root }),
        Err(error) => error.exit(),
    }
}
