//! `conpaas nutshell`: a whole ConPaaS on this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::printer::write_out;
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
    Demo {
        #[command(flatten)]
        options: Options,
        /// On the director that your own cps-tools.conf names, instead of a nutshell's
        #[arg(long, conflicts_with_all = ["cloud", "netns", "image", "state_dir", "network", "port"])]
        my_director: bool,
    },
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
    /// What nodes are: containers (needs root) or plain processes
    #[arg(long, value_enum, default_value_t = CloudChoice::Lxc)]
    cloud: CloudChoice,
    /// Keep everything in this network namespace, which is made when it is not there
    #[arg(long, env = "NETNS", value_name = "NAME")]
    netns: Option<String>,
    /// The containers' root file system
    #[arg(long, value_name = "DIR", default_value = "/var/lib/conpaas/images/services")]
    image: PathBuf,
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
}

/// Reads `words`, what follows `conpaas nutshell`, does it, and gives the exit code.
pub(super) fn main(words: Vec<OsString>) -> u8 {
    let line = match NutshellLine::try_parse_from(std::iter::once("conpaas nutshell".into()).chain(words)) {
        Ok(line) => line,
        Err(error) => {
            let _nobody_reads = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    match act(line.command) {
        Ok(code) => code,
        Err(error) => {
            let chain = std::iter::successors(Some(&*error), |error| error.source());
            let texts: Vec<String> = chain.map(ToString::to_string).collect();
            eprintln!("ERROR: {}", texts.join(": "));
            1
        }
    }
}

fn act(command: NutshellCommand) -> Result<u8, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let say = |line: &str| write_out(&format!("{line}\n"));
    let (options, action) = match command {
        NutshellCommand::Up(options) => (options, Action::Up),
        NutshellCommand::Demo { my_director: true, .. } => {
            return Ok(runtime.block_on(demo_of_caller(&say)).map(|()| 0)?);
        }
        NutshellCommand::Demo { options, .. } => (options, Action::Demo),
        NutshellCommand::Status(options) => (options, Action::Status),
        NutshellCommand::Shell { options, words } => (options, Action::Shell(words)),
        NutshellCommand::Down { options, purge } => {
            (options, Action::Down(if purge { Data::Purge } else { Data::Keep }))
        }
    };
    let place = find(options)?;
    Ok(runtime.block_on(run(&place, action, &say))?)
}

fn find(options: Options) -> Result<Place, NutshellError> {
    Place::find(Settings {
        cloud: match options.cloud {
            CloudChoice::Lxc => NutshellCloud::Lxc,
            CloudChoice::Process => NutshellCloud::Process,
        },
        netns: options.netns.filter(|name| !name.is_empty()),
        image: options.image,
        state_dir: options.state_dir,
        network: options.network,
        port: options.port,
    })
}
