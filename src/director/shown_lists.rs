//! Lists as they were shown last: clients ask for them again and again, and seldom anything has changed since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::model::UserId;
use crate::store::Version;

/// All lists that are remembered.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The lists that were shown last.
#[derive(Default)]
pub(crate) struct ShownLists(Mutex<HashMap<UserId, Shown>>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Shown {
    /// The state of the database that it shows.
    pub(crate) version: Version,
    pub(crate) text: Bytes,
}

impl ShownLists {
    /// Returns what a user was shown last.
    pub(crate) fn of(&self, uid: UserId) -> Option<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&uid).cloned()
    }

    /// Remembers what a user is shown.
    pub(crate) fn remember(&self, uid: UserId, shown: Shown) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.get(&uid).is_some_and(|known| known.version == shown.version) {
            return;
        }
        let n_bytes: usize = lists.values().map(|shown| shown.text.len()).sum();
        if n_bytes + shown.text.len() > MAX_BYTES {
            lists.clear();
        }
        if shown.text.len() <= MAX_BYTES {
            lists.insert(uid, shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::director::sample::Sample;

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (lists, version) = (ShownLists::default(), Sample::new(0).run(Version::of));
        for uid in 1..=100 {
            let text = Bytes::from(vec![b'x'; MAX_BYTES / 10]);
            lists.remember(UserId(uid), Shown { version, text });
            assert!(lists.of(UserId(uid)).is_some());
        }
        lists.remember(UserId(1), Shown { version, text: Bytes::from(vec![b'x'; MAX_BYTES + 1]) });
        let left = lists.0.lock().unwrap();
        assert!(left.values().map(|shown| shown.text.len()).sum::<usize>() <= MAX_BYTES);
    }
}
