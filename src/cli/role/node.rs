//! `conpaas manager` and `conpaas agent`, which run in a node, and
//! `conpaas join`, by which a node finds out which of them it is.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Command, CommandFactory, Parser};

use crate::init::{self, JOIN_LIMIT, JoinOptions, Source, Then};
use crate::node::Options;
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
pub(crate) fn tree() -> Command {
    NodeLine::command()
}

/// What `conpaas join` understands.
pub(crate) fn join_tree() -> Command {
    JoinLine::command()
}

/// Find out what this node is: take the invitation that its cloud passed on to the director, once
#[derive(Debug, Parser)]
#[command(name = "conpaas join", disable_help_subcommand = true)]
struct JoinLine {
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

pub(crate) fn join(words: &[String]) -> ExitCode {
    let line = match JoinLine::try_parse_from(std::iter::once("conpaas join").chain(words.iter().map(String::as_str))) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    let is_own_machine = line.root == Path::new("/");
    let sources = match line.source {
        named if !named.is_empty() => named,
        _ if is_own_machine => Source::all(),
        _ => vec![Source::Seed],
    };
    let then = if line.run { Then::Run { bind: line.bind, port: line.port } } else { Then::End };
    init::join(&JoinOptions { root: line.root, sources, limit: Duration::from_secs(line.limit), then })
}

pub(crate) fn manager(words: &[String]) -> ExitCode {
    with_options("conpaas manager", words, manager::run)
}

pub(crate) fn agent(words: &[String]) -> ExitCode {
    with_options("conpaas agent", words, agent::run)
}

fn with_options(name: &'static str, words: &[String], run: fn(&Options) -> ExitCode) -> ExitCode {
    match NodeLine::try_parse_from(std::iter::once(name).chain(words.iter().map(String::as_str))) {
        Ok(line) => run(&Options { config: line.config, port: line.port, bind: line.bind, root: line.root }),
        Err(error) => error.exit(),
    }
}
