//! Times that cannot be in the future: when the program was built, and when
//! it last ran.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::sys::file::{self, FileError};

/// How often [`record`] writes at most: an SD card must last.
pub const RECORD_INTERVAL: Duration = Duration::from_secs(3600);

/// When this program was built.
#[must_use]
pub fn build_time() -> DateTime<Utc> {
    let seconds: i64 = env!("CONPAAS_BUILD_TIME").parse().expect("build.rs wrote a number of seconds");
    DateTime::from_timestamp(seconds, 0).expect("a build time lies within chrono's 262,000 years")
}

/// The time in `path`; nothing when there is none, or when it is damaged:
/// the build time is then what remains. Blocking.
#[must_use]
pub fn recorded_time(path: &Path) -> Option<DateTime<Utc>> {
    let text = file::read_text(path).ok()?;
    DateTime::from_timestamp(text.trim().parse().ok()?, 0)
}

/// Writes `now` to `path`, unless what is there is less than
/// [`RECORD_INTERVAL`] away from it. Blocking.
///
/// # Errors
/// The directory is missing, full or not writable.
pub fn record(path: &Path, now: DateTime<Utc>) -> Result<(), FileError> {
    let is_fresh = recorded_time(path)
        .is_some_and(|recorded| (now - recorded).num_seconds().unsigned_abs() < RECORD_INTERVAL.as_secs());
    if is_fresh {
        return Ok(());
    }
    file::write_atomic(path, format!("{}\n", now.timestamp()).as_bytes(), 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_time_is_recorded_at_most_hourly_and_corrected_when_it_was_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("last-time");
        assert_eq!(recorded_time(&path), None);
        for (now, recorded) in [(10_000, 10_000), (13_599, 10_000), (13_600, 13_600), (1_000, 1_000)] {
            record(&path, at(now)).unwrap();
            assert_eq!(recorded_time(&path), Some(at(recorded)), "recorded at {now}");
        }
    }

    #[test]
    fn a_damaged_record_is_no_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("last-time");
        for text in ["", "soon", "99999999999999999999"] {
            file::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
            assert_eq!(recorded_time(&path), None, "{text}");
        }
        assert!(record(Path::new("/nonexistent/last-time"), at(1)).is_err());
    }

    #[test]
    fn the_build_lies_in_the_past() {
        assert!(build_time() <= Utc::now());
        assert!(build_time() > at(1_700_000_000));
    }
}
