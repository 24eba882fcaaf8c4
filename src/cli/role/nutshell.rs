//! `conpaas nutshell`: a whole ConPaaS on this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::cli::output::printer::write_out;
use crate::model::Ipv4Network;
use crate::nutshell::{Action, Data, NutshellCloud, NutshellError, Place, Settings, demo_of_caller, run};

/// A whole ConPaaS on this machine, for learning
#[derive(Debug, Parser)]
#[command(name = "conpaas nutshell", disable_help_subcommand = true)]
struct NutshellLine {
    #[command(subcommand)]
    command: NutshellCommand,
}

#[derive(Debug, Subcommand)]
enum NutshellCommand {
    /// Make what is missing and start the director
    Up(Options),
    /// Run a small web program on two nodes and fetch its pages
    Demo(Options),
    /// Tell what is there; ends with 1 when it is down
    Status(Options),
    /// Open a shell, or run a command, in which conpaas talks to this director
    Shell {
        #[command(flatten)]
        options: Options,
        /// The command and its arguments, after --
        #[arg(last = true)]
        words: Vec<OsString>,
    },
    /// Stop everything and leave nothing but the data
    Down {
        #[command(flatten)]
        options: Options,
        /// Remove the data too: users, applications, certificates, volumes
        #[arg(long)]
        purge: bool,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// What nodes are: containers (needs root), plain processes, or servers of an OpenStack
    #[arg(long, value_enum, default_value_t = CloudChoice::Lxc)]
    cloud: CloudChoice,
    /// Keep everything in this network namespace, which is made when it is not there
    #[arg(long, env = "NETNS", value_name = "NAME")]
    netns: Option<String>,
    /// The containers' root file system
    #[arg(long, value_name = "DIR", default_value = "/var/lib/conpaas/images/services")]
    image: PathBuf,
    /// Options of the director's cloud, one KEY = VALUE on a line; only the first `up` looks at it
    #[arg(long, value_name = "FILE")]
    section: Option<PathBuf>,
    /// Where to keep everything
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The nodes' network, such as 172.16.0.0/24; only the first `up` looks at it
    #[arg(long)]
    network: Option<Ipv4Network>,
    /// The director's port; only the first `up` looks at it
    #[arg(long, default_value_t = crate::config::DEFAULT_DIRECTOR_PORT)]
    port: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CloudChoice {
    Lxc,
    Process,
    #[value(name = "openstack")]
    OpenStack,
}

/// What the role understands.
pub(crate) fn tree() -> Command {
    NutshellLine::command()
}

/// Run a small web program on two nodes of your director, and fetch its pages
#[derive(Debug, Parser)]
#[command(name = "conpaas demo", disable_help_subcommand = true)]
struct DemoLine {}

/// What the demo understands.
pub(crate) fn demo_tree() -> Command {
    DemoLine::command()
}

/// Reads `words`, what follows `conpaas nutshell`, does it, and gives the exit code.
pub(crate) fn main(words: Vec<OsString>) -> u8 {
    match NutshellLine::try_parse_from(std::iter::once("conpaas nutshell".into()).chain(words)) {
        Ok(line) => exit_code(act(line.command)),
        Err(error) => not_understood(&error),
    }
}

/// As [`main`], for what follows `conpaas demo`.
pub(crate) fn demo_main(words: Vec<OsString>) -> u8 {
    match DemoLine::try_parse_from(std::iter::once("conpaas demo".into()).chain(words)) {
        Ok(DemoLine {}) => exit_code(demo()),
        Err(error) => not_understood(&error),
    }
}

fn demo() -> Result<u8, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(demo_of_caller(&|line| write_out(&format!("{line}\n"))))?;
    Ok(0)
}

fn not_understood(error: &clap::Error) -> u8 {
    let _nobody_reads = error.print();
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn exit_code(result: Result<u8, Box<dyn std::error::Error>>) -> u8 {
    result.unwrap_or_else(|error| {
        let chain = std::iter::successors(Some(&*error), |error| error.source());
        let texts: Vec<String> = chain.map(ToString::to_string).collect();
        eprintln!("ERROR: {}", texts.join(": "));
        1
    })
}

fn act(command: NutshellCommand) -> Result<u8, Box<dyn std::error::Error>> {
    let (options, action) = match command {
        NutshellCommand::Up(options) => (options, Action::Up),
        NutshellCommand::Demo(options) => (options, Action::Demo),
        NutshellCommand::Status(options) => (options, Action::Status),
        NutshellCommand::Shell { options, words } => (options, Action::Shell(words)),
        NutshellCommand::Down { options, purge } => {
            (options, Action::Down(if purge { Data::Purge } else { Data::Keep }))
        }
    };
    let place = find(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(run(&place, action, &|line| write_out(&format!("{line}\n"))))?)
}

fn find(options: Options) -> Result<Place, NutshellError> {
    Place::find(Settings {
        cloud: match options.cloud {
            CloudChoice::Lxc => NutshellCloud::Lxc,
            CloudChoice::Process => NutshellCloud::Process,
            CloudChoice::OpenStack => NutshellCloud::OpenStack,
        },
        netns: options.netns.filter(|name| !name.is_empty()),
        image: options.image,
        section: options.section,
        state_dir: options.state_dir,
        network: options.network,
        port: options.port,
    })
}
