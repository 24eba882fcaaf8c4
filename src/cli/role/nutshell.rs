//! `conpaas nutshell`: a whole ConPaaS on this machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::line::{Outcome, RoleLine};
use crate::cli::output::printer::write_out;
use crate::model::Ipv4Network;
use crate::nutshell::{Action, Data, NutshellCloud, NutshellError, Place, Settings, demo_of_caller, run};
use crate::server;

/// A whole ConPaaS on this machine, for learning
#[derive(Debug, Parser)]
#[command(name = "conpaas nutshell", disable_help_subcommand = true)]
pub(crate) struct NutshellLine {
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

/// Run a small web program on two nodes of your director, and fetch its pages
#[derive(Debug, Parser)]
#[command(name = "conpaas demo", disable_help_subcommand = true)]
pub(crate) struct DemoLine {}

impl RoleLine for NutshellLine {
    fn run(self) -> Outcome {
        let (options, action) = match self.command {
            NutshellCommand::Up(options) => (options, Action::Up),
            NutshellCommand::Demo(options) => (options, Action::Demo),
            NutshellCommand::Status(options) => (options, Action::Status),
            NutshellCommand::Shell { options, words } => (options, Action::Shell(words)),
            NutshellCommand::Down { options, purge } => {
                (options, Action::Down(if purge { Data::Purge } else { Data::Keep }))
            }
        };
        let place = find(options)?;
        Ok(ExitCode::from(server::complete(run(&place, action, &say))??))
    }
}

impl RoleLine for DemoLine {
    fn run(self) -> Outcome {
        server::complete(demo_of_caller(&say))??;
        Ok(ExitCode::SUCCESS)
    }
}

fn say(line: &str) {
    write_out(&format!("{line}\n"));
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
