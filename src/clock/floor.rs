//! Times that cannot be in the future: when the program was built, and when
//! it last ran.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::sys::file::{self, FileError};

/// How often [`record`] writes at most: an SD card must last.
pub(crate) const RECORD_INTERVAL: Duration = Duration::from_secs(3600);
/// Digits of any time, and a line break; a larger file is none of ours.
const MAX_RECORD_BYTES: u64 = 32;

/// When this program was built.
#[must_use]
pub fn build_time() -> DateTime<Utc> {
    let seconds: i64 = env!("CONPAAS_BUILD_TIME").parse().expect("build.rs wrote a number of seconds");
    DateTime::from_timestamp(seconds, 0).expect("a build time lies within chrono's 262,000 years")
}

/// Returns the latest time that is taken for true without a server's word: a clock
/// that once ran far ahead must not be restored for ever, and no program is
/// in use for twenty years without an update.
#[must_use]
pub(crate) fn ceiling() -> DateTime<Utc> {
    build_time() + TimeDelta::days(20 * 365)
}

/// Returns the time in `path`; nothing when there is none, or when it is damaged or
/// beyond belief: the build time is then what remains. Blocking.
#[must_use]
pub(crate) fn recorded_time(path: &Path) -> Option<DateTime<Utc>> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > MAX_RECORD_BYTES {
        return None;
    }
    let text = file::read_text(path).ok()?;
    DateTime::from_timestamp(text.trim().parse().ok()?, 0).filter(|at| *at <= ceiling())
}

/// Writes `now` to `path`, unless what is there is less than
/// [`RECORD_INTERVAL`] away from it. Blocking.
///
/// # Errors
/// The directory is missing, full or not writable.
pub(crate) fn record(path: &Path, now: DateTime<Utc>) -> Result<(), FileError> {
    record_beyond(path, now, RECORD_INTERVAL)
}

/// Where the latest time is that a time server confirmed, beside a `record`. A
/// clock that only said so itself may have been wrong: its time is none that
/// another clock must not be before.
#[must_use]
pub(crate) fn confirmed(record: &Path) -> PathBuf {
    let mut name = record.file_name().unwrap_or_default().to_owned();
    name.push("-confirmed");
    record.with_file_name(name)
}

/// As [`record`], but allows the record to be wrong by less than `distance`
/// only. A time that no clock here may have is not recorded at all. Blocking.
///
/// # Errors
/// As [`record`].
pub(crate) fn record_beyond(path: &Path, now: DateTime<Utc>, distance: Duration) -> Result<(), FileError> {
    let is_fresh =
        recorded_time(path).is_some_and(|recorded| (now - recorded).num_seconds().unsigned_abs() < distance.as_secs());
    if is_fresh || now < build_time() || now > ceiling() {
        return Ok(());
    }
    file::write_atomic(path, format!("{}\n", now.timestamp()).as_bytes(), 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_build(seconds: i64) -> DateTime<Utc> {
        build_time() + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_time_is_recorded_at_most_hourly_and_corrected_when_it_was_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("last-time");
        assert_eq!(recorded_time(&path), None);
        for (now, recorded) in [(10_000, 10_000), (13_599, 10_000), (13_600, 13_600), (1_000, 1_000)] {
            record(&path, after_build(now)).unwrap();
            assert_eq!(recorded_time(&path), Some(after_build(recorded)), "recorded at {now}");
        }
        record_beyond(&path, after_build(1_059), Duration::from_secs(60)).unwrap();
        assert_eq!(recorded_time(&path), Some(after_build(1_000)));
        record_beyond(&path, after_build(1_060), Duration::from_secs(60)).unwrap();
        assert_eq!(recorded_time(&path), Some(after_build(1_060)));
    }

    #[test]
    fn a_time_that_no_clock_may_have_is_neither_recorded_nor_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("last-time");
        for wrong in [DateTime::UNIX_EPOCH, after_build(-1), ceiling() + TimeDelta::seconds(1)] {
            record(&path, wrong).unwrap();
            assert!(!path.exists(), "{wrong}");
        }
        let too_late = (ceiling() + TimeDelta::seconds(1)).timestamp().to_string();
        let huge = "9".repeat(1 << 20);
        for text in ["", "\n", "nonsense", "1e9", "99999999999999999999", "\u{0}\u{0}", &too_late, &huge] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(recorded_time(&path), None, "{text:.30}");
            record(&path, after_build(5)).unwrap();
            assert_eq!(recorded_time(&path), Some(after_build(5)), "a damaged record is written anew");
        }
        std::fs::write(&path, "-5\n").unwrap();
        assert!(recorded_time(&path).is_some_and(|at| at < build_time()), "it is below every floor");
    }
}
