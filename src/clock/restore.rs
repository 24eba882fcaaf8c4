//! The time after power-on on a machine whose clock has no battery: the
//! latest time that is past for certain.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::floor::{build_time, ceiling, recorded_time};
use super::source::Clock;
use super::verdict::shown_time;
use super::verdict::{ClockError, ClockVerdict, Floor};

/// The name of the file that remembers the time, in the state directory.
pub(crate) const RECORD_NAME: &str = "last-time";

/// Where a machine's last known times are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The file that [`super::record`] writes.
    pub record: PathBuf,
    /// A file whose date is the time at which the system was made: systemd's.
    pub epoch: PathBuf,
}

impl Default for Memory {
    /// Returns the machine's own memory: the record is the director's too, in its default `STATE_DIR`.
    fn default() -> Self {
        Memory { record: Path::new("/var/lib/conpaas").join(RECORD_NAME), epoch: PathBuf::from("/usr/lib/clock-epoch") }
    }
}

impl Memory {
    /// Returns the latest time that is past for certain. Blocking.
    #[must_use]
    pub(crate) fn floor(&self) -> Floor {
        let built = Floor::Built(build_time());
        let made = made_at(&self.epoch).map(|at| Floor::Made { at, path: self.epoch.clone() });
        let recorded = recorded_time(&self.record).map(|at| Floor::Recorded { at, path: self.record.clone() });
        // The last of equals wins, and a record says most.
        [Some(built.clone()), made, recorded].into_iter().flatten().max_by_key(Floor::at).unwrap_or(built)
    }
}

/// What was done about a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Restored {
    /// Nothing: it is later than everything that is known.
    Kept {
        /// What it says.
        now: DateTime<Utc>,
    },
    /// It was behind, and is set.
    SetForward {
        /// What it said.
        from: DateTime<Utc>,
        /// What it says now, and why.
        to: Floor,
    },
}

impl std::fmt::Display for Restored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Restored::Kept { now } => write!(f, "the clock is kept: {}", shown_time(*now)),
            Restored::SetForward { from, to } => write!(f, "the clock is set from {} to {to}", shown_time(*from)),
        }
    }
}

/// Sets `clock` forward to the latest time that is past for certain, if it
/// is behind that. Blocking.
///
/// # Errors
/// It may not be set by this process.
pub(crate) fn restore(memory: &Memory, clock: &Clock) -> Result<Restored, ClockError> {
    let floor = memory.floor();
    let now = clock.now();
    if now >= floor.at() {
        return Ok(Restored::Kept { now });
    }
    match clock.step(floor.at() - now) {
        Ok(()) => Ok(Restored::SetForward { from: now, to: floor }),
        Err(source) => Err(ClockError::Step { verdict: ClockVerdict::Implausible { now, floor }, source }),
    }
}

fn made_at(path: &Path) -> Option<DateTime<Utc>> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Some(DateTime::<Utc>::from(modified)).filter(|at| *at <= ceiling())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::record;

    fn memory(directory: &Path) -> Memory {
        Memory { record: directory.join(RECORD_NAME), epoch: directory.join("clock-epoch") }
    }

    fn clock_of_1970() -> Clock {
        Clock::with_offset(-TimeDelta::seconds(Utc::now().timestamp()))
    }

    fn is_near(time: DateTime<Utc>, other: DateTime<Utc>) -> bool {
        (time - other).abs() < TimeDelta::minutes(1)
    }

    fn make_epoch(path: &Path, at: DateTime<Utc>) {
        std::fs::File::create(path).unwrap().set_modified(at.into()).unwrap();
    }

    #[test]
    fn a_clock_of_1970_is_set_to_the_latest_time_that_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let memory = memory(directory.path());
        let (week, month) = (build_time() + TimeDelta::days(7), build_time() + TimeDelta::days(30));

        let clock = clock_of_1970();
        let restored = restore(&memory, &clock).unwrap();
        assert!(matches!(restored, Restored::SetForward { to: Floor::Built(_), .. }), "{restored}");
        assert!(is_near(clock.now(), build_time()));

        make_epoch(&memory.epoch, week);
        let restored = restore(&memory, &clock).unwrap();
        assert!(matches!(restored, Restored::SetForward { to: Floor::Made { .. }, .. }), "{restored}");
        assert!(is_near(clock.now(), week));

        record(&memory.record, month).unwrap();
        let restored = restore(&memory, &clock).unwrap();
        assert!(matches!(restored, Restored::SetForward { to: Floor::Recorded { .. }, .. }), "{restored}");
        assert!(is_near(clock.now(), month));
        assert!(restored.to_string().contains("the last known time in"), "{restored}");
    }

    #[test]
    fn a_clock_is_never_set_backwards() {
        let directory = tempfile::tempdir().unwrap();
        let memory = memory(directory.path());
        record(&memory.record, Utc::now().max(build_time()) + TimeDelta::days(1)).unwrap();
        let clock = Clock::with_offset(TimeDelta::days(2));
        let before = clock.now();
        assert!(matches!(restore(&memory, &clock).unwrap(), Restored::Kept { .. }));
        assert!(clock.now() >= before);
    }

    #[test]
    fn a_clock_that_once_ran_ahead_does_not_stay_so() {
        let directory = tempfile::tempdir().unwrap();
        let memory = memory(directory.path());
        // Far beyond belief: passed over, whichever file says it.
        let absurd = ceiling() + TimeDelta::days(1);
        std::fs::write(&memory.record, absurd.timestamp().to_string()).unwrap();
        make_epoch(&memory.epoch, absurd);
        assert_eq!(memory.floor(), Floor::Built(build_time()));
        // Wrong, but not absurd: restored, until somebody who knows sets the clock; then it is recorded anew.
        std::fs::remove_file(&memory.epoch).unwrap();
        let (ahead, right) = (build_time() + TimeDelta::days(900), build_time() + TimeDelta::days(30));
        record(&memory.record, ahead).unwrap();
        let clock = clock_of_1970();
        restore(&memory, &clock).unwrap();
        assert!(is_near(clock.now(), ahead));
        clock.step(right - clock.now()).unwrap();
        record(&memory.record, clock.now()).unwrap();
        let clock = clock_of_1970();
        restore(&memory, &clock).unwrap();
        assert!(is_near(clock.now(), right));
    }
}
