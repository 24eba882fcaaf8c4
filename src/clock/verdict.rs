//! What was found out about the clock, and how people are told.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::sys::file::FileError;

/// What was found out about the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClockVerdict {
    /// It agrees with a server.
    Right {
        /// The server's time less ours.
        offset: TimeDelta,
        /// The server.
        server: String,
    },
    /// It disagrees with a server by more than is allowed.
    Wrong {
        /// The server's time less ours: positive when ours is behind.
        offset: TimeDelta,
        /// The server.
        server: String,
        /// What our clock said.
        now: DateTime<Utc>,
    },
    /// No server was heard, and it says a time that is past for certain.
    Implausible {
        /// What our clock said.
        now: DateTime<Utc>,
        /// What it is certainly later than.
        floor: Floor,
    },
    /// No server was heard; nothing speaks against it.
    Unchecked(Unchecked),
}

/// A time that is past for certain, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Floor {
    /// The program was built then.
    Built(DateTime<Utc>),
    /// The program ran then.
    Recorded {
        /// When.
        at: DateTime<Utc>,
        /// Where that is written.
        path: PathBuf,
    },
    /// The system was made then.
    Made {
        /// When.
        at: DateTime<Utc>,
        /// The file whose date says so.
        path: PathBuf,
    },
}

/// Why no server says whether the clock is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unchecked {
    /// None is configured.
    NoServers,
    /// None gave an answer that can be believed: each with its reason.
    NoAnswer(Vec<String>),
}

/// Why nothing may go on with this clock: one line, with what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClockError {
    /// It is wrong by too much.
    #[error("{0}")]
    Wrong(ClockVerdict),
    /// A server is required and none was heard.
    #[error("{0}; a time server is required here: make one reachable, or set REQUIRE_TIME_SERVER = false")]
    Required(ClockVerdict),
    /// It should have been set, and could not be.
    #[error("cannot set the clock (root is needed): {verdict}")]
    Step {
        /// What is wrong with it.
        verdict: ClockVerdict,
        /// Why it could not be set.
        #[source]
        source: std::io::Error,
    },
    /// The time could not be recorded.
    #[error("cannot remember the time")]
    Record(#[from] FileError),
}

impl ClockVerdict {
    /// Returns the line for the log when work may go on, but somebody should look.
    #[must_use]
    pub(crate) fn warning(&self) -> Option<String> {
        match self {
            ClockVerdict::Unchecked(Unchecked::NoAnswer(_)) => Some(self.to_string()),
            _ => None,
        }
    }
}

impl Floor {
    /// Returns the time.
    #[must_use]
    pub(crate) fn at(&self) -> DateTime<Utc> {
        match self {
            Floor::Built(at) | Floor::Recorded { at, .. } | Floor::Made { at, .. } => *at,
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_time(self.at()))?;
        match self {
            Floor::Built(_) => f.write_str(", when this program was built"),
            Floor::Recorded { path, .. } => write!(f, ", the last known time in {}", path.display()),
            Floor::Made { path, .. } => write!(f, ", the date of {}", path.display()),
        }
    }
}

impl fmt::Display for ClockVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClockVerdict::Right { offset, server } => {
                write!(f, "the clock is right: {} from {server}", shown_offset(*offset))
            }
            ClockVerdict::Wrong { offset, server, now } => {
                let direction = if *offset > TimeDelta::zero() { "behind" } else { "ahead of" };
                let right = shown_time(*now + *offset);
                let by = shown_offset(*offset);
                let here = shown_time(*now);
                write!(
                    f,
                    "the clock is {by} {direction} {server}: it says {here}, and it is {right}; set it with \
                     `date -u -s {right}` as root, or let --step-clock (STEP_CLOCK = true) do it"
                )
            }
            ClockVerdict::Implausible { now, floor } => {
                let by = shown_offset(floor.at() - *now);
                let (here, at) = (shown_time(*now), shown_time(floor.at()));
                match floor {
                    Floor::Built(_) => write!(
                        f,
                        "the clock is at least {by} behind: it says {here}, but this program was built at {at}; \
                         set it with `date -u -s`, or name a time server"
                    ),
                    Floor::Recorded { path, .. } => write!(
                        f,
                        "the clock is at least {by} behind: it says {here}, but a time server confirmed {at} before; \
                         set it with `date -u -s`, or name a time server, or remove {} if that time was wrong",
                        path.display()
                    ),
                    Floor::Made { path, .. } => write!(
                        f,
                        "the clock is at least {by} behind: it says {here}, but this system was made at {at}, as the \
                         date of {} says; set it with `date -u -s`, or name a time server",
                        path.display()
                    ),
                }
            }
            ClockVerdict::Unchecked(Unchecked::NoServers) => {
                f.write_str("the clock is plausible; no time server is configured to check it")
            }
            ClockVerdict::Unchecked(Unchecked::NoAnswer(reasons)) => {
                write!(f, "the clock is plausible, but no time server confirms it: {}", reasons.join("; "))
            }
        }
    }
}

pub(crate) fn shown_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the two largest units that say something, rounded to whole seconds from a minute up.
fn shown_offset(offset: TimeDelta) -> String {
    let offset = offset.abs();
    let rounded = (offset + TimeDelta::milliseconds(500)).num_seconds();
    let seconds = if rounded < 60 { offset.num_seconds() } else { rounded };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days} d {hours} h")
    } else if hours > 0 {
        format!("{hours} h {minutes} min")
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{}.{:03} s", seconds, offset.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_wrong_clock_is_one_line_with_the_offset_and_the_remedy() {
        let table = [
            (
                ClockVerdict::Wrong {
                    offset: TimeDelta::seconds(100),
                    server: "t:123".to_owned(),
                    now: at(1_800_000_000),
                },
                "the clock is 1 min 40 s behind t:123: it says 2027-01-15T08:00:00Z, and it is 2027-01-15T08:01:40Z; \
                 set it with `date -u -s 2027-01-15T08:01:40Z` as root, or let --step-clock (STEP_CLOCK = true) do it",
            ),
            (
                ClockVerdict::Implausible { now: at(0), floor: Floor::Built(at(1_800_000_000)) },
                "the clock is at least 20833 d 8 h behind: it says 1970-01-01T00:00:00Z, but this program was built at \
                 2027-01-15T08:00:00Z; set it with `date -u -s`, or name a time server",
            ),
        ];
        for (verdict, text) in table {
            assert_eq!(verdict.to_string(), text);
        }
    }

    #[test]
    fn offsets_are_told_in_units_that_fit() {
        let table = [
            (7, "0.007 s"),
            (59_400, "59.400 s"),
            (59_999, "1 min 0 s"),
            (99_999, "1 min 40 s"),
            (-61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (-90_000_000, "1 d 1 h"),
        ];
        for (milliseconds, text) in table {
            assert_eq!(shown_offset(TimeDelta::milliseconds(milliseconds)), text);
        }
    }
}
