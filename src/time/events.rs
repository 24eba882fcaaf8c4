//! What the service waits for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The service is told to end.
    Stop,
    /// Somebody has set the clock.
    ClockSet,
    /// Neither, in the time given.
    Nothing,
}

/// The two things that may happen.
pub(crate) struct Events {
    signals: SignalFd,
    jumps: OwnedFd,
}

impl Events {
    /// Holds the signals back that tell to end, and watches the clock.
    pub(crate) fn watch() -> io::Result<Events> {
        let mut ends = SigSet::empty();
        ends.add(Signal::SIGTERM);
        ends.add(Signal::SIGINT);
        ends.thread_block()?;
        let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let jumps = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // It never goes off; but the kernel cancels it whenever the clock is set.
        let never = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: i64::MAX, tv_nsec: 0 },
        };
        timerfd_settime(&jumps, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &never)?;
        Ok(Events { signals, jumps })
    }

    /// Waits, at most `limit`.
    pub(crate) fn next(&self, limit: Duration) -> Event {
        let timeout = PollTimeout::try_from(limit.as_millis()).unwrap_or(PollTimeout::MAX);
        let of = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let _woken_or_not = poll(&mut [of(self.signals.as_fd()), of(self.jumps.as_fd())], timeout);
        if matches!(self.signals.read_signal(), Ok(Some(_))) {
            return Event::Stop;
        }
        match read(&self.jumps, &mut [0; 8]) {
            Err(Errno::ECANCELED) => Event::ClockSet,
            _ => Event::Nothing,
        }
    }
}
