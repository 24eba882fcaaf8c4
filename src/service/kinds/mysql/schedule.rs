//! When backups are made by themselves: pure, from a schedule and the time of day.

use crate::api::mysql::{Every, Schedule};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1970 began on a Thursday; weeks begin on Sunday here.
const FIRST_SUNDAY: i64 = 3 * DAY;

/// Returns the last time, in seconds since 1970, at which a backup was due at `now`.
#[must_use]
pub(super) fn last_due(schedule: &Schedule, now: i64) -> i64 {
    let of_day = i64::from(schedule.at.hour) * HOUR + i64::from(schedule.at.minute) * MINUTE;
    let (period, offset) = match schedule.every {
        Every::Hour => (HOUR, i64::from(schedule.at.minute) * MINUTE),
        Every::Day => (DAY, of_day),
        Every::Week => (7 * DAY, FIRST_SUNDAY + of_day),
    };
    (now - offset).div_euclid(period) * period + offset
}

/// Returns the time for which a backup is to be made at `now`, where the last one was made for the time `done`. Times that
/// were missed are made up by one; a clock that was set back does not have one made again.
#[must_use]
pub(super) fn due(schedule: &Schedule, done: Option<i64>, now: i64) -> Option<i64> {
    let last = last_due(schedule, now);
    // After a clock that was wrong by far nobody waits until that time has come.
    let is_from_the_future = |done: i64| done > now + 7 * DAY;
    done.is_none_or(|done| done < last || is_from_the_future(done)).then_some(last)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    fn schedule(every: Every, at: &str) -> Schedule {
        Schedule { every, at: at.parse().unwrap(), keep: 7 }
    }

    fn at(text: &str) -> i64 {
        format!("{text}:00Z").parse::<DateTime<Utc>>().unwrap().timestamp()
    }

    #[test]
    fn the_last_time_is_told_for_every_period() {
        for (every, time, now, last) in [
            (Every::Hour, "03:20", "2026-11-29T19:19", "2026-11-29T18:20"),
            (Every::Hour, "03:20", "2026-11-29T19:20", "2026-11-29T19:20"),
            (Every::Day, "03:00", "2026-11-29T02:59", "2026-11-28T03:00"),
            (Every::Day, "03:00", "2026-11-29T03:00", "2026-11-29T03:00"),
            // 29 November 2026 is a Sunday.
            (Every::Week, "03:00", "2026-11-29T02:00", "2026-11-22T03:00"),
            (Every::Week, "03:00", "2026-12-05T23:00", "2026-11-29T03:00"),
            (Every::Week, "03:00", "1970-01-01T00:00", "1969-12-28T03:00"),
        ] {
            assert_eq!(last_due(&schedule(every, time), at(now)), at(last), "{every:?} {now}");
        }
    }

    #[test]
    fn a_missed_time_is_made_up_once_and_a_jump_of_the_clock_makes_none_twice() {
        let daily = schedule(Every::Day, "03:00");
        let (first, now) = (at("2026-11-29T03:00"), at("2026-11-29T19:00"));
        assert_eq!(due(&daily, None, now), Some(first), "a new schedule begins at once");
        assert_eq!(due(&daily, Some(first), now), None);
        let later = now + 5 * DAY;
        let made_up = due(&daily, Some(first), later).unwrap();
        assert_eq!((made_up, due(&daily, Some(made_up), later)), (first + 5 * DAY, None));
        assert_eq!(due(&daily, Some(made_up), now), None, "the clock went back by days");
        assert_eq!(due(&daily, Some(first + 400 * DAY), now), Some(first), "it had been wrong by a year");
    }
}
