//! A daemon as data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::name::DaemonName;
use crate::supervise::output::OutputLimits;
use crate::task::backoff::Pauses;

/// Stands for the directory of the configuration files, in arguments and in values of the environment. In a check
/// it is where the new files are.
pub const CONFIGURATION: &str = "{configuration}";

/// A program that is to serve, and all that its supervisor has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// What it is called.
    pub name: DaemonName,
    /// How it is started. Another launch needs a restart.
    pub launch: Launch,
    /// Its configuration files. Others need a reload.
    pub configuration: Vec<ConfigurationFile>,
    /// The command by which the program itself checks a new configuration.
    pub check: Option<CommandLine>,
    /// When it is ready.
    pub readiness: Readiness,
    /// How it takes a new configuration.
    pub reload: Reload,
    /// How it is stopped.
    pub stop: Stop,
    /// How long to wait between two starts.
    pub pauses: Pauses,
    /// After how many ends in a row it is given up.
    pub n_tries: u32,
}

/// A program with all that decides how it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments, without its name. They show in the process list: never a secret.
    pub arguments: Vec<String>,
    /// Its environment; nothing is inherited but `PATH`, where it is not given.
    pub environment: Vec<(String, String)>,
    /// The account that it runs as, with all its groups; by default that of this process.
    pub user: Option<String>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Whether it stays in the foreground.
    pub style: Style,
    /// How soon it runs once it is woken.
    #[serde(default)]
    pub scheduling: Scheduling,
    /// How much of its output is kept.
    pub output: OutputLimits,
}

/// Whether a program stays the process that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Style {
    /// It does: the better way, where a program has it.
    Foreground,
    /// It starts another process and ends with code 0; the oldest one that it leaves then serves.
    Background,
}

/// How soon the processes of a program run once they are woken, beside others that run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduling {
    /// At once, if they have run little.
    #[default]
    Usual,
    /// When those that run have had their time (`SCHED_BATCH`): for what is woken often to do little.
    Batch,
}

/// A file of a daemon's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationFile {
    /// Its path below the directory of configuration files.
    pub path: PathBuf,
    /// All of it.
    pub content: String,
    /// Its mode, such as `0o640`.
    pub mode: u32,
    /// The account that it belongs to, with its group; by default that of this process.
    pub owner: Option<String>,
}

/// A command that is run as the daemon's user with its environment, and may take a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLine {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments, without its name. They show in the process list: never a secret.
    pub arguments: Vec<String>,
    /// How long it may run.
    pub limit: Duration,
}

/// When a daemon is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// What has to answer.
    pub probe: Probe,
    /// How long it may take.
    pub limit: Duration,
}

/// What has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// A connection to this TCP address.
    Tcp(SocketAddr),
    /// A connection to this unix socket.
    UnixSocket(PathBuf),
    /// A `GET` of this `http://` URL, by a status below 400.
    Http(String),
    /// This command, by exit code 0.
    Command(CommandLine),
}

/// How a daemon takes a new configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reload {
    /// Its main process gets a signal.
    Signal(DaemonSignal),
    /// A command is run.
    Command(CommandLine),
    /// It cannot: it is stopped and started.
    Restart,
}

/// How a daemon is stopped: its main process gets a signal; what is left after the grace is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The signal.
    pub signal: DaemonSignal,
    /// How long all its processes have.
    pub grace: Duration,
}

/// A signal that means something to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DaemonSignal {
    /// `SIGTERM`.
    Term,
    /// `SIGINT`.
    Int,
    /// `SIGQUIT`.
    Quit,
    /// `SIGHUP`.
    Hup,
    /// `SIGUSR1`.
    Usr1,
    /// `SIGUSR2`.
    Usr2,
    /// `SIGWINCH`.
    Winch,
}

impl DaemonSignal {
    /// Returns the signal of the system.
    #[must_use]
    pub(crate) fn signal(self) -> Signal {
        match self {
            DaemonSignal::Term => Signal::SIGTERM,
            DaemonSignal::Int => Signal::SIGINT,
            DaemonSignal::Quit => Signal::SIGQUIT,
            DaemonSignal::Hup => Signal::SIGHUP,
            DaemonSignal::Usr1 => Signal::SIGUSR1,
            DaemonSignal::Usr2 => Signal::SIGUSR2,
            DaemonSignal::Winch => Signal::SIGWINCH,
        }
    }
}

/// What the running program was started with, and the configuration that it has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// How it was started.
    pub launch: Launch,
    /// What it has read.
    pub configuration: Vec<ConfigurationFile>,
    /// What answers then; unknown of a program that an earlier release started.
    #[serde(default)]
    pub probe: Option<Probe>,
}

/// What it takes to make a running program the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing.
    Nothing,
    /// It has to read its configuration again.
    Configuration,
    /// It has to be another process.
    Launch,
}

impl Running {
    /// Returns what a program has that is started now.
    #[must_use]
    pub(crate) fn of(daemon: &Daemon) -> Running {
        Running {
            launch: daemon.launch.clone(),
            configuration: daemon.configuration.clone(),
            probe: Some(daemon.readiness.probe.clone()),
        }
    }

    /// Returns what it takes to make it `wanted`.
    #[must_use]
    pub(crate) fn difference(&self, wanted: &Daemon) -> Difference {
        if self.launch != wanted.launch {
            return Difference::Launch;
        }
        match (self.configuration == wanted.configuration, &wanted.reload) {
            (true, _) => Difference::Nothing,
            (false, Reload::Restart) => Difference::Launch,
            (false, Reload::Signal(_) | Reload::Command(_)) => Difference::Configuration,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A daemon that needs nothing of the machine.
    pub(crate) fn sample() -> Daemon {
        Daemon {
            name: "sample".parse().unwrap(),
            launch: Launch {
                program: "/bin/sleep".into(),
                arguments: vec!["60".to_owned()],
                environment: vec![("A".to_owned(), CONFIGURATION.to_owned())],
                user: None,
                directory: "/".into(),
                style: Style::Foreground,
                scheduling: Scheduling::Usual,
                output: OutputLimits::default(),
            },
            configuration: vec![ConfigurationFile {
                path: "sub/a.conf".into(),
                content: "a = 1\n".to_owned(),
                mode: 0o640,
                owner: None,
            }],
            check: None,
            readiness: Readiness { probe: Probe::Tcp(([127, 0, 0, 1], 9).into()), limit: Duration::from_secs(1) },
            reload: Reload::Signal(DaemonSignal::Hup),
            stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(1) },
            pauses: Pauses::default(),
            n_tries: 3,
        }
    }

    #[test]
    fn only_what_differs_is_done() {
        let daemon = sample();
        let running = Running::of(&daemon);
        let change = |change: &dyn Fn(&mut Daemon)| {
            let mut wanted = daemon.clone();
            change(&mut wanted);
            running.difference(&wanted)
        };
        assert_eq!(change(&|_| {}), Difference::Nothing);
        assert_eq!(change(&|wanted| wanted.readiness.limit *= 2), Difference::Nothing);
        assert_eq!(change(&|wanted| wanted.configuration[0].content.push('b')), Difference::Configuration);
        assert_eq!(change(&|wanted| wanted.configuration.clear()), Difference::Configuration);
        assert_eq!(change(&|wanted| wanted.launch.arguments.push("-v".to_owned())), Difference::Launch);
        assert_eq!(change(&|wanted| wanted.launch.environment.clear()), Difference::Launch);
        assert_eq!(change(&|wanted| wanted.launch.scheduling = Scheduling::Batch), Difference::Launch);
        let restart = |wanted: &mut Daemon| {
            wanted.reload = Reload::Restart;
            wanted.configuration[0].mode = 0o600;
        };
        assert_eq!(change(&restart), Difference::Launch);
    }

    #[test]
    fn a_daemon_is_read_as_it_was_written() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Daemon>(&text).unwrap(), sample());
        let of_before = text.replace(r#""scheduling":"Usual","#, "");
        assert_ne!(of_before, text);
        assert_eq!(serde_json::from_str::<Daemon>(&of_before).unwrap(), sample());
    }
}
