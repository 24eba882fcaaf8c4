//! `conpaas nutshell`: a whole ConPaaS on this machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use super::line::{Outcome, RoleLine};
use crate::cli::output::printer::write_out;
use crate::cli::output::table::value_of;
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
    /// Print one JSON value at the end
    #[arg(long)]
    json: bool,
}

/// What a command of the nutshell did, as `--json` prints it.
#[derive(Serialize)]
struct NutshellView {
    director_url: String,
    state_dir: PathBuf,
    /// What people read.
    lines: Vec<String>,
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
        let is_json = options.json && !matches!(action, Action::Shell(_));
        let place = find(options)?;
        if !is_json {
            return Ok(ExitCode::from(server::complete(run(&place, action, &say))??));
        }
        let lines = Mutex::new(Vec::new());
        let keep = |line: &str| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        let code = server::complete(run(&place, action, &keep))??;
        let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Inside a network namespace this program has run again, and has printed it already.
        if place.settings.netns.is_none() || !lines.is_empty() {
            let director_url = format!("https://{}:{}", place.director_ip(), place.settings.port);
            let view = NutshellView { director_url, state_dir: place.directory, lines };
            write_out(&format!("{}\n", value_of(&view)));
        }
        Ok(ExitCode::from(code))
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
