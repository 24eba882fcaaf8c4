//! Looks at the clock and decides whether work may go on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;

use super::floor::{build_time, confirmed, record, recorded_time};
use super::sntp;
use super::source::Clock;
use super::verdict::{ClockError, ClockVerdict, Floor, Unchecked};
use crate::sys::blocking;

/// How the clock is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClockSettings {
    /// Time servers, `host` or `host:port`, in the order they are asked; the
    /// first whose answer can be believed decides.
    pub servers: Vec<String>,
    /// Whether it is an error that none answers.
    pub is_server_required: bool,
    /// Whether a wrong clock is set right.
    pub may_step: bool,
    /// How far from a server's time the clock may be.
    pub max_offset: Duration,
    /// The file that remembers when the program last ran; its directory must
    /// exist. Beside it is the time that a server confirmed last, which is
    /// the only recorded one that the clock must not be before.
    pub record: Option<PathBuf>,
    /// How long one answer may take.
    pub answer_timeout: Duration,
}

impl ClockSettings {
    /// Asks `servers`, allows one minute, requires nothing, sets nothing, remembers nothing.
    #[must_use]
    pub(crate) fn new(servers: Vec<String>) -> Self {
        ClockSettings {
            servers,
            is_server_required: false,
            may_step: false,
            max_offset: Duration::from_secs(60),
            record: None,
            answer_timeout: Duration::from_secs(1),
        }
    }
}

/// Looks at `clock`. Takes no time when no servers are set; else at most
/// some seconds for each that does not answer.
pub(crate) async fn check(settings: &ClockSettings, clock: &Clock) -> ClockVerdict {
    let built = build_time();
    let mut reasons = Vec::new();
    for server in &settings.servers {
        match sntp::ask(server, clock, built, settings.answer_timeout).await {
            Err(reason) => reasons.push(format!("{server}: {reason}")),
            Ok(offset) if clock.now() + offset < built => {
                reasons.push(format!("{server}: it says a time before this program was built"));
            }
            Ok(offset) => return judge(settings, clock, offset, server.clone()),
        }
    }
    let now = clock.now();
    match floor(settings).await {
        floor if now < floor.at() => ClockVerdict::Implausible { now, floor },
        _ if settings.servers.is_empty() => ClockVerdict::Unchecked(Unchecked::NoServers),
        _ => ClockVerdict::Unchecked(Unchecked::NoAnswer(reasons)),
    }
}

/// Looks at `clock`, sets it where the settings say so, remembers the time,
/// and lets nothing pass that would end in a riddle about certificates.
///
/// The caller logs [`ClockVerdict::warning`] of the result. Long-running
/// roles call [`record`] again about each [`super::RECORD_INTERVAL`].
///
/// # Errors
/// The clock is wrong, or unknown where it must be known.
pub(crate) async fn enforce(settings: &ClockSettings, clock: &Clock) -> Result<ClockVerdict, ClockError> {
    let mut verdict = check(settings, clock).await;
    if let ClockVerdict::Wrong { offset, server, .. } = &verdict {
        if !settings.may_step {
            return Err(ClockError::Wrong(verdict));
        }
        let (offset, server) = (*offset, server.clone());
        if let Err(source) = clock.step(offset) {
            return Err(ClockError::Step { verdict, source });
        }
        tracing::warn!(clock.server = %server, clock.offset_ms = offset.num_milliseconds(), "the clock was wrong and is set");
        verdict = ClockVerdict::Right { offset: TimeDelta::zero(), server };
    }
    match verdict {
        ClockVerdict::Implausible { .. } => return Err(ClockError::Wrong(verdict)),
        ClockVerdict::Unchecked(_) if settings.is_server_required => return Err(ClockError::Required(verdict)),
        _ => {}
    }
    if let Some(path) = settings.record.clone() {
        let (now, is_confirmed) = (clock.now(), matches!(verdict, ClockVerdict::Right { .. }));
        let recording = move || {
            record(&path, now)?;
            if is_confirmed { record(&confirmed(&path), now) } else { Ok(()) }
        };
        blocking(recording).await?;
    }
    Ok(verdict)
}

/// Refuses a time that is past for certain, and remembers one that is not:
/// for what issues certificates and asks no server. Blocking.
///
/// # Errors
/// The clock is wrong, or the time cannot be recorded.
pub(crate) fn expect_plausible(clock: &Clock, record_path: &Path) -> Result<(), ClockError> {
    let (now, floor) = (clock.now(), floor_by(Some(record_path)));
    if now < floor.at() {
        return Err(ClockError::Wrong(ClockVerdict::Implausible { now, floor }));
    }
    Ok(record(record_path, now)?)
}

fn judge(settings: &ClockSettings, clock: &Clock, offset: TimeDelta, server: String) -> ClockVerdict {
    let is_right = offset.abs().to_std().is_ok_and(|offset| offset <= settings.max_offset);
    if is_right {
        ClockVerdict::Right { offset, server }
    } else {
        ClockVerdict::Wrong { offset, server, now: clock.now() }
    }
}

async fn floor(settings: &ClockSettings) -> Floor {
    let record = settings.record.clone();
    blocking(move || floor_by(record.as_deref())).await
}

fn floor_by(record: Option<&Path>) -> Floor {
    let built = build_time();
    match record.map(confirmed).and_then(|path| recorded_time(&path).map(|at| (at, path))) {
        Some((at, path)) if at > built => Floor::Recorded { at, path },
        _ => Floor::Built(built),
    }
}

#[cfg(test)]
mod tests;
