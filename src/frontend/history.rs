//! What services did in the last minutes, as far as somebody looked. In memory only, and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::lookup::FoundService;
use crate::model::{ApplicationId, ServiceId};

/// Values of one service: five minutes of a page that is open.
pub(super) const MAX_VALUES: usize = 75;
/// Lines that are kept.
const MAX_LINES: usize = 1024;
/// Two looks that are closer say nothing of a rate.
const SHORTEST: Duration = Duration::from_millis(500);

/// A line: of which service, and what it shows.
type Key = (ApplicationId, ServiceId, &'static str);

/// The last values of services.
#[derive(Default)]
pub(super) struct History {
    values: Mutex<HashMap<Key, VecDeque<u64>>>,
    /// What counters said last, and when.
    totals: Mutex<HashMap<Key, (Instant, u64)>>,
}

impl History {
    /// Adds a value to a line of a service; returns all that are kept of it, the newest last.
    pub(super) fn add(&self, found: &FoundService, line: &'static str, value: u64) -> Vec<u64> {
        let mut all = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (found.application, found.service, line);
        if all.len() >= MAX_LINES && !all.contains_key(&key) {
            all.clear();
        }
        let values = all.entry(key).or_default();
        if values.len() >= MAX_VALUES {
            values.pop_front();
        }
        values.push_back(value);
        values.iter().copied().collect()
    }

    /// Returns how much a counter grew in a second since it was looked at last; `None` at the first look, and when it
    /// began anew.
    pub(super) fn rate(&self, found: &FoundService, line: &'static str, total: u64, now: Instant) -> Option<u64> {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (found.application, found.service, line);
        if totals.len() >= MAX_LINES && !totals.contains_key(&key) {
            totals.clear();
        }
        let Some((before, last)) = totals.get(&key).copied() else {
            totals.insert(key, (now, total));
            return None;
        };
        let passed = now.saturating_duration_since(before);
        if passed < SHORTEST {
            return None;
        }
        totals.insert(key, (now, total));
        let grown = total.checked_sub(last)?;
        Some((grown as f64 / passed.as_secs_f64()).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_values_of_some_services_are_kept() {
        let history = History::default();
        let found = |service| FoundService { application: ApplicationId(1), service: ServiceId(service) };
        for value in 0..100 {
            history.add(&found(1), "x", value);
        }
        let kept = history.add(&found(1), "x", 100);
        assert_eq!((kept.len(), kept.first(), kept.last()), (MAX_VALUES, Some(&26), Some(&100)));
        assert_eq!(history.add(&found(2), "x", 7), [7]);
        assert_eq!(history.add(&found(1), "y", 8), [8]);
        for service in 0..2000 {
            history.add(&found(service), "x", 1);
        }
        assert!(history.values.lock().unwrap().len() <= MAX_LINES);
    }

    #[test]
    fn a_rate_needs_two_looks_and_a_counter_that_goes_on() {
        let history = History::default();
        let found = FoundService { application: ApplicationId(1), service: ServiceId(1) };
        let (start, at) = (Instant::now(), |seconds| Duration::from_millis(seconds));
        assert_eq!(history.rate(&found, "reads", 100, start), None);
        assert_eq!(history.rate(&found, "reads", 200, start + at(100)), None, "too soon");
        assert_eq!(history.rate(&found, "reads", 300, start + at(4000)), Some(50));
        assert_eq!(history.rate(&found, "reads", 10, start + at(8000)), None, "the server began anew");
        assert_eq!(history.rate(&found, "reads", 14, start + at(12_000)), Some(1));
        assert_eq!(history.rate(&found, "writes", 14, start + at(12_000)), None);
    }
}
