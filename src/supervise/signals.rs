//! Signals that are waited for, instead of handlers that run in between.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals to this process, one after the other instead of in between.
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Holds back every signal that can be held back.
    pub(crate) fn hold() -> Result<Signals, Errno> {
        let all = SigSet::all();
        all.thread_block()?;
        SignalFd::with_flags(&all, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Signals)
    }

    /// The next signal, or none by `end`.
    pub(crate) fn next(&self, end: Option<Instant>) -> Option<Signal> {
        loop {
            match self.0.read_signal() {
                Ok(Some(information)) => {
                    let number = i32::try_from(information.ssi_signo).unwrap_or(0);
                    // What container managers send to an init that they take for systemd.
                    if number == libc::SIGRTMIN() + 3 {
                        return Some(Signal::SIGTERM);
                    }
                    if let Ok(signal) = Signal::try_from(number) {
                        return Some(signal);
                    }
                }
                Ok(None) | Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            let _woken_or_not = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout(left));
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A wait for the kernel, rounded up so that it does not end just before its time and spin; without `left` for ever.
pub(crate) fn timeout(left: Option<Duration>) -> PollTimeout {
    let milliseconds = left.map(|left| left.as_millis().saturating_add(1));
    milliseconds
        .map_or(PollTimeout::NONE, |milliseconds| PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(timeout(Some(Duration::ZERO)), PollTimeout::from(1_u8));
        assert_eq!(timeout(Some(Duration::from_micros(1_999))), PollTimeout::from(2_u8));
        assert_eq!(timeout(Some(Duration::MAX)), PollTimeout::MAX);
        assert_eq!(timeout(None), PollTimeout::NONE);
    }
}
