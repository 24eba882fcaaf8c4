//! `conpaas init`: the first process of a container.
//!
//! It mounts what is missing, sets the host name, brings up the loopback
//! interface, starts `conpaas manager` or `conpaas agent` by the section of
//! `/root/config.cfg`, starts it again when it dies, reaps every orphan, and
//! ends everything within half a second when it is told to.
//!
//! One thread, no runtime, nothing kept: it lives in every node of a small
//! machine. It must not know the network protocol, certificates, the cloud. A
//! node that was not given `/root/config.cfg` has a remote cloud, and runs
//! [`join()`] first, which knows all of these and is a process of its own.

mod boot;
mod join;
mod supervise;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::{dup2_stderr, dup2_stdout};

use self::supervise::{Job, Outcome};

pub(crate) use join::{JOIN_LIMIT, JoinOptions, Source, Then, join};

/// What the node is to be; written before it boots.
const CONTEXT: &str = "/root/config.cfg";

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
    let signals = match supervise::Signals::hold() {
        Ok(signals) => signals,
        Err(errno) => {
            eprintln!("init: cannot receive signals: {errno}");
            return ExitCode::FAILURE;
        }
    };
    for complaint in boot::boot() {
        eprintln!("init: {complaint}");
    }
    if !Path::new(CONTEXT).exists() && supervise::run(&Job::join(), &signals) == Outcome::Stopped {
        return ExitCode::SUCCESS;
    }
    let context = match crate::sys::file::read_text(Path::new(CONTEXT)) {
        Ok(context) => context,
        Err(error) => {
            eprintln!("init: {error}: the node has no context");
            return ExitCode::FAILURE;
        }
    };
    let Some(role) = role(&context) else {
        eprintln!("init: {CONTEXT} has neither a section [manager] nor [agent]");
        return ExitCode::FAILURE;
    };
    supervise::run(&Job::role(role), &signals);
    ExitCode::SUCCESS
}

/// A container's maker may start it with its output thrown away; what is said here belongs on the console.
fn attach_console() {
    let console = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NOCTTY).open("/dev/console");
    if let Ok(console) = console {
        let _kept_as_they_were = dup2_stdout(&console).and_then(|()| dup2_stderr(&console));
    }
}

/// The sub-command for the first section that names one.
fn role(context: &str) -> Option<&'static str> {
    context.lines().find_map(|line| match line.trim() {
        "[manager]" => Some("manager"),
        "[agent]" => Some("agent"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_the_context_names_the_role() {
        assert_eq!(role("# x\n[manager]\nA = 1\n"), Some("manager"));
        assert_eq!(role("[other]\n [agent] \n"), Some("agent"));
        assert_eq!(role("manager\nA = [agent]\n"), None);
    }
}
