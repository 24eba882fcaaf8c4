//! One lock for each key, so that work on one thing never waits for another's.
//!
//! Must not know: what is locked. Each caller has a type of its own for its keys.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Locks by key; a key that nobody holds takes no room.
pub(crate) struct KeyedLocks<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        KeyedLocks(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> KeyedLocks<K> {
    /// Waits until nobody else holds `key`, and holds it until the guard is dropped.
    pub(crate) async fn hold(&self, key: &K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_key_excludes_itself_and_no_other() {
        let locks = KeyedLocks::default();
        let first = locks.hold(&1).await;
        let _other = locks.hold(&2).await;
        let mut second = Box::pin(locks.hold(&1));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        let _second = second.await;
        assert_eq!(locks.0.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn keys_that_nobody_holds_are_forgotten() {
        let locks = KeyedLocks::default();
        for key in 0..100 {
            drop(locks.hold(&key).await);
        }
        assert_eq!(locks.0.lock().unwrap().len(), 1);
    }
}
