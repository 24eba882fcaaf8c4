//! What the service waits for.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::read;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The service is told to end.
    Stop,
    /// Somebody has set the clock.
    ClockSet,
    /// Neither, in the time given.
    Nothing,
}

/// The two things that may happen.
pub(super) struct Events {
    signals: SignalFd,
    jumps: TimerFd,
}

impl Events {
    /// Holds the signals back that tell to end, and watches the clock.
    pub(super) fn watch() -> Result<Events, Errno> {
        let mut ends = SigSet::empty();
        ends.add(Signal::SIGTERM);
        ends.add(Signal::SIGINT);
        ends.thread_block()?;
        let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let jumps = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        // It never goes off; but the kernel cancels it whenever the clock is set.
        jumps.set(
            Expiration::OneShot(TimeSpec::new(libc::time_t::MAX, 0)),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET,
        )?;
        Ok(Events { signals, jumps })
    }

    /// Waits, at most `limit`.
    pub(super) fn next(&self, limit: Duration) -> Event {
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
