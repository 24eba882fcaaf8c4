//! What services did in the last minutes, as far as somebody looked. In memory only, and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::lookup::FoundService;
use crate::model::{ApplicationId, ServiceId};

/// Values of one service: five minutes of a page that is open.
pub(super) const MAX_VALUES: usize = 75;
/// Rates over less time tell nothing.
const SHORTEST: Duration = Duration::from_secs(1);
/// Services whose values are kept.
const MAX_SERVICES: usize = 512;

type Key = (ApplicationId, ServiceId);

/// The last values of services.
#[derive(Default)]
pub(super) struct History {
    values: Mutex<HashMap<Key, VecDeque<u64>>>,
}

impl History {
    /// Adds a value of a service; returns all that are kept of it, the newest last.
    pub(super) fn add(&self, found: &FoundService, value: u64) -> Vec<u64> {
        let mut all = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (found.application, found.service);
        if all.len() >= MAX_SERVICES && !all.contains_key(&key) {
            all.clear();
        }
        let values = all.entry(key).or_default();
        if values.len() >= MAX_VALUES {
            values.pop_front();
        }
        values.push_back(value);
        values.iter().copied().collect()
    }

    fn values(&self, found: &FoundService) -> Vec<u64> {
        let all = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let values = all.get(&(found.application, found.service));
        values.map(|values| values.iter().copied().collect()).unwrap_or_default()
    }
}

/// How fast counters of services grow, as far as somebody looked.
#[derive(Default)]
pub(super) struct Rates {
    last: Mutex<HashMap<Key, (Instant, u64)>>,
    history: History,
}

impl Rates {
    /// Takes what a counter says `now`; returns by how much it grew in a second, the newest last.
    pub(super) fn add(&self, found: &FoundService, total: u64, now: Instant) -> Vec<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (found.application, found.service);
        if last.len() >= MAX_SERVICES && !last.contains_key(&key) {
            last.clear();
        }
        let Some((at, before)) = last.get(&key).copied() else {
            last.insert(key, (now, total));
            return Vec::new();
        };
        let elapsed = now.saturating_duration_since(at);
        if elapsed < SHORTEST {
            // Somebody else has just looked.
            return self.history.values(found);
        }
        last.insert(key, (now, total));
        // A server that began anew counts from 0.
        let grown = if total < before { total } else { total - before };
        self.history.add(found, (grown as f64 / elapsed.as_secs_f64()).round() as u64)
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
            history.add(&found(1), value);
        }
        let kept = history.add(&found(1), 100);
        assert_eq!((kept.len(), kept.first(), kept.last()), (MAX_VALUES, Some(&26), Some(&100)));
        assert_eq!(history.add(&found(2), 7), [7]);
        for service in 0..2000 {
            history.add(&found(service), 1);
        }
        assert!(history.values.lock().unwrap().len() <= MAX_SERVICES);
    }

    #[test]
    fn a_rate_is_what_a_counter_grew_by_in_a_second() {
        let (rates, began) = (Rates::default(), Instant::now());
        let found = FoundService { application: ApplicationId(1), service: ServiceId(1) };
        let add = |total, seconds: f64| rates.add(&found, total, began + Duration::from_secs_f64(seconds));
        assert_eq!(add(100, 0.0), Vec::<u64>::new());
        assert_eq!(add(140, 4.0), [10]);
        assert_eq!(add(141, 4.1), [10], "somebody else has just looked");
        assert_eq!(add(144, 6.0), [10, 2]);
        assert_eq!(add(3, 7.0), [10, 2, 3], "the server began anew");
    }
}
