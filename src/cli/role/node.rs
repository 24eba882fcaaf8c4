//! `conpaas manager` and `conpaas agent`, which run in a node, and
//! `conpaas join`, by which a node finds out which of them it is.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser};

use super::line::{Outcome, RoleLine};
use crate::init::{self, JOIN_LIMIT, JoinOptions, Source, Then};
use crate::node::Options;
use crate::{agent, manager};

/// Run the program of a node
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ManagerLine {
    #[command(flatten)]
    options: NodeOptions,
}

/// Run the program of a node
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
pub(crate) struct AgentLine {
    #[command(flatten)]
    options: NodeOptions,
}

/// Be the first process of a container
#[derive(Debug, Parser)]
pub(crate) struct InitLine {}

#[derive(Debug, Args)]
struct NodeOptions {
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

/// Find out what this node is: take the invitation that its cloud passed on to the director, once
#[derive(Debug, Parser)]
#[command(name = "conpaas join", disable_help_subcommand = true)]
pub(crate) struct JoinLine {
    /// The directory that stands for / of the node
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Where to look: drive, seed, or the http:// URL of a metadata service; may be repeated
    /// [default: all of them, or for another root its seed]
    #[arg(long, value_name = "SOURCE")]
    source: Vec<Source>,
    /// Seconds to look, and to wait for the director
    #[arg(long, value_name = "SECONDS", default_value_t = JOIN_LIMIT.as_secs())]
    limit: u64,
    /// Then become the manager or the agent
    #[arg(long)]
    run: bool,
    /// Port for that to listen on
    #[arg(short, long, requires = "run")]
    port: Option<u16>,
    /// Address for that to listen on
    #[arg(short, long, requires = "run")]
    bind: Option<Ipv4Addr>,
}

impl RoleLine for JoinLine {
    fn run(self) -> Outcome {
        let is_own_machine = self.root == Path::new("/");
        let sources = match self.source {
            named if !named.is_empty() => named,
            _ if is_own_machine => Source::all(),
            _ => vec![Source::Seed],
        };
        let then = if self.run { Then::Run { bind: self.bind, port: self.port } } else { Then::End };
        Ok(init::join(&JoinOptions { root: self.root, sources, limit: Duration::from_secs(self.limit), then }))
    }
}

impl RoleLine for ManagerLine {
    fn run(self) -> Outcome {
        Ok(manager::run(&self.options.into()))
    }
}

impl RoleLine for AgentLine {
    fn run(self) -> Outcome {
        Ok(agent::run(&self.options.into()))
    }
}

impl RoleLine for InitLine {
    fn run(self) -> Outcome {
        Ok(init::run())
    }
}

impl From<NodeOptions> for Options {
    fn from(typed: NodeOptions) -> Self {
        Options { config: typed.config, port: typed.port, bind: typed.bind, root: typed.root }
    }
}
