//! How children of this process ended.

use std::fmt;

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Killed(Signal),
}

impl Ending {
    /// Returns the code of a record: that of the process, or the signal's number below zero.
    #[must_use]
    pub(crate) fn code(self) -> i32 {
        match self {
            Ending::Code(code) => code,
            Ending::Killed(signal) => -(signal as i32),
        }
    }

    /// Returns what [`Ending::code`] stands for.
    #[must_use]
    pub(crate) fn of_code(code: i32) -> Ending {
        let signal = code.checked_neg().filter(|number| *number > 0).and_then(|number| Signal::try_from(number).ok());
        signal.map_or(Ending::Code(code), Ending::Killed)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Code(code) => write!(f, "ended with code {code}"),
            Ending::Killed(signal) => write!(f, "was killed by {signal}"),
        }
    }
}

/// What was found when children were asked for.
pub(crate) struct Reaped {
    /// Those that have ended.
    pub ended: Vec<(Pid, Ending)>,
    /// Whether others still run.
    pub others_run: bool,
}

/// Takes every child that has ended off the list of processes.
pub(crate) fn reap() -> Reaped {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => ended.push((pid, Ending::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => ended.push((pid, Ending::Killed(signal))),
            Ok(WaitStatus::StillAlive) => return Reaped { ended, others_run: true },
            Err(_) => return Reaped { ended, others_run: false },
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_how_a_process_ended() {
        for ending in [Ending::Code(0), Ending::Code(3), Ending::Killed(Signal::SIGKILL)] {
            assert_eq!(Ending::of_code(ending.code()), ending);
        }
        assert_eq!(Ending::of_code(-9).to_string(), "was killed by SIGKILL");
        assert_eq!(Ending::of_code(1).to_string(), "ended with code 1");
        assert_eq!(Ending::of_code(i32::MIN), Ending::Code(i32::MIN));
    }
}
