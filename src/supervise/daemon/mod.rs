//! Real programs that serve for as long as they are wanted: nginx, php-fpm, Tomcat, MariaDB, sshd, MooseFS.
//!
//! A [`Daemon`] is data; a [`Supervisor`] makes the machine be like it. Each daemon has one task that owns it, and a
//! directory of its own below the supervisor's:
//!
//! ```text
//! <name>/wanted.json       what is to run; written before anything is done about it
//! <name>/unwanted.json     the same, once it is to be stopped and forgotten
//! <name>/running.json      what the running program was started with, and the configuration that it has read
//! <name>/process.json      its process and how it ended, written by its keeper
//! <name>/current/          its configuration files (a link, so that all of them change at once)
//! <name>/stdout, stderr    what it says, with older files beside them
//! ```
//!
//! # Guarantees
//! - A new configuration takes effect only after the program itself has called it good; until then the old one serves.
//! - A daemon that still runs when its supervisor starts is taken over, never started a second time.
//! - Before a daemon starts, no process of its last run is left.
//! - Between two starts there is a pause that grows; after enough of them the daemon is given up until somebody asks again.
//!
//! # Caveats
//! - Its configuration is checked before it is in its place: files must name each other relatively, or through
//!   arguments that contain [`CONFIGURATION`].
//! - A reload by signal has begun when it is reported, and ends in the program's own time.

mod command;
mod configuration;
mod error;
mod launch;
mod name;
mod order;
mod place;
mod probe;
mod processes;
mod spec;
mod state;
mod supervisor;
mod task;

pub use error::DaemonError;
pub use name::DaemonName;
pub use order::{Change, DaemonStatus};
pub use spec::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, Probe, Readiness, Reload, Scheduling,
    Stop, Style,
};
pub use state::DaemonState;
pub use supervisor::{Outcome, Supervisor};

pub use super::output::OutputLimits;
pub use crate::task::backoff::Pauses;
