//! What services did in the last minutes, as far as somebody looked. In memory only, and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::client::lookup::FoundService;
use crate::model::{ApplicationId, ServiceId};

/// Values of one service: five minutes of a page that is open.
pub(super) const MAX_VALUES: usize = 75;
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
}
