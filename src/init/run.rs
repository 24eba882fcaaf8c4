//! The composition root of a container's first process.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::{dup2_stderr, dup2_stdout};

use super::boot;
use super::limits::Limits;
use super::role::{CONTEXT, role_of};
use super::supervise::{self, Job, Outcome};
use crate::supervise::signals::Signals;

/// Boots the container and supervises its role until it is told to end.
pub fn run() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "conpaas init is the first process of a container; to run a role yourself use conpaas manager or agent"
        );
        return ExitCode::from(2);
    }
    attach_console();
    // Signals first: one that came before would be lost.
    let signals = match Signals::hold() {
        Ok(signals) => signals,
        Err(errno) => {
            eprintln!("init: cannot receive signals: {errno}");
            return ExitCode::FAILURE;
        }
    };
    let mut complaints = boot::boot();
    let (mut limits, not_shown) = Limits::show();
    complaints.extend(not_shown);
    for complaint in complaints {
        eprintln!("init: {complaint}");
    }
    if !Path::new(CONTEXT).exists() && supervise::run(&Job::join(), &signals, &mut limits) == Outcome::Stopped {
        return ExitCode::SUCCESS;
    }
    let context = match crate::sys::file::read_text(Path::new(CONTEXT)) {
        Ok(context) => context,
        Err(error) => {
            eprintln!("init: {error}: the node has no context");
            return ExitCode::FAILURE;
        }
    };
    let Some(role) = role_of(&context) else {
        eprintln!("init: {CONTEXT} has neither a section [manager] nor [agent]");
        return ExitCode::FAILURE;
    };
    supervise::run(&Job::role(role), &signals, &mut limits);
    ExitCode::SUCCESS
}

/// A container's maker may start it with its output thrown away; what is said here belongs on the console.
fn attach_console() {
    let console = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NOCTTY).open("/dev/console");
    if let Ok(console) = console {
        let _kept_as_they_were = dup2_stdout(&console).and_then(|()| dup2_stderr(&console));
    }
}
