//! Asks whether the clock is right before the first TLS connection of a session.
//! What was found out is kept for some minutes, so that many short sessions
//! ask once.
//!
//! Must not know: how a warning is shown.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::error::Failure;
use crate::clock::{Clock, ClockSettings, enforce};
use crate::sys::file;

const ANSWER_LIMIT: Duration = Duration::from_millis(400);
const KEPT: TimeDelta = TimeDelta::minutes(10);
const KEPT_IN: &str = "clock-checked.json";
const RECORD: &str = "clock-seen";

/// What an earlier run found out.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    director: String,
    at: DateTime<Utc>,
    is_confirmed: bool,
}

/// Checks the clock against the director's machine. Returns what the user
/// should know, such as that it does not tell the time: once, not at every command.
///
/// # Errors
/// The clock is wrong; the text names the remedy.
pub(crate) async fn before_tls(director: &str, state_dir: &Path) -> Result<Option<String>, Failure> {
    check(&Clock::system(), director, state_dir).await
}

async fn check(clock: &Clock, director: &str, state_dir: &Path) -> Result<Option<String>, Failure> {
    let path = state_dir.join(KEPT_IN);
    let kept = read(&path).filter(|kept| kept.director == director);
    let age = kept.as_ref().map(|kept| clock.now() - kept.at);
    let is_fresh = age.is_some_and(|age| age >= TimeDelta::zero() && age < KEPT);
    let servers = if is_fresh { Vec::new() } else { vec![director.to_owned()] };
    let mut settings = ClockSettings::new(servers);
    settings.answer_timeout = ANSWER_LIMIT;
    settings.record = state_dir.is_dir().then(|| state_dir.join(RECORD));
    let verdict = enforce(&settings, clock).await.map_err(|error| Failure::chained(&error))?;
    if is_fresh {
        return Ok(None);
    }
    let warning = verdict.warning();
    let found = Kept { director: director.to_owned(), at: clock.now(), is_confirmed: warning.is_none() };
    // Not to have kept it costs the next run a question, nothing else.
    let _best_effort = serde_json::to_vec(&found).map(|bytes| file::write_atomic(&path, &bytes, 0o600));
    Ok(warning.filter(|_| kept.is_none()))
}

fn read(path: &Path) -> Option<Kept> {
    serde_json::from_str(&file::read_text(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clock_before_the_build_is_an_error_with_the_remedy() {
        let home = tempfile::tempdir().unwrap();
        let past = Clock::with_offset(TimeDelta::days(-365 * 50));
        let failure = check(&past, "127.0.0.1:1", home.path()).await.unwrap_err();
        assert!(failure.text.contains("behind") && failure.text.contains("date -u -s"), "{}", failure.text);
    }

    #[tokio::test]
    async fn one_call_with_a_clock_of_2040_spoils_no_later_one() {
        let home = tempfile::tempdir().unwrap();
        let ahead = Clock::with_offset(TimeDelta::days(14 * 365));
        check(&ahead, "127.0.0.1:1", home.path()).await.unwrap();
        check(&Clock::system(), "127.0.0.1:1", home.path()).await.unwrap();
        check(&Clock::system(), "127.0.0.2:1", home.path()).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_found_out_is_kept_for_this_director_and_for_some_minutes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(KEPT_IN);
        let clock = Clock::system();
        assert!(check(&clock, "127.0.0.1:1", home.path()).await.unwrap().is_some(), "it is told once");
        let first = read(&path).unwrap();
        assert!(!first.is_confirmed, "nobody tells the time on port 1");
        assert_eq!(check(&clock, "127.0.0.1:1", home.path()).await.unwrap(), None);
        assert_eq!(read(&path).unwrap().at, first.at, "it was not asked again");
        check(&clock, "127.0.0.2:1", home.path()).await.unwrap();
        assert_eq!(read(&path).unwrap().director, "127.0.0.2:1", "another director is another question");
        let later = Clock::with_offset(KEPT + TimeDelta::minutes(1));
        check(&later, "127.0.0.2:1", home.path()).await.unwrap();
        assert!(read(&path).unwrap().at > first.at + KEPT, "after some minutes it is asked again");
    }
}
