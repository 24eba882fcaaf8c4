//! Logins on their way: begun here, now at the provider; or come back, and not yet at their end.
//!
//! They are in memory alone: nobody who is not logged in makes the director write. A restart ends them, and the visitor
//! begins again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::id_token::Person;
use crate::model::UserId;
use crate::sys::fingerprint::fingerprint;

/// People type a password and a code at their provider.
const LIFE: Duration = Duration::from_secs(600);
/// Of one address; the oldest gives way.
const MAX_OF_ADDRESS: usize = 32;
/// Of all; a few hundred bytes each.
const MAX_ALL: usize = 4096;

/// What a login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody wants in.
    LogIn,
    /// This user links his identity.
    Link(UserId),
}

/// A login that is at the provider. Secret: no `Debug`.
pub(super) struct Begun {
    pub(super) purpose: Purpose,
    /// The fingerprint of what the visitor's browser shows.
    pub(super) browser: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) redirect_uri: String,
}

/// Things under names that nobody guesses, each once, for a while.
pub(super) struct Underway<T> {
    all: Mutex<HashMap<String, Entry<T>>>,
}

struct Entry<T> {
    thing: T,
    address: IpAddr,
    since: Instant,
}

/// Logins that are at the provider, by state.
pub(super) type Departed = Underway<Begun>;
/// People whom the provider has vouched for, by ticket.
pub(super) type Returned = Underway<Person>;

impl<T> Underway<T> {
    pub(super) fn new() -> Self {
        Underway { all: Mutex::default() }
    }

    /// Keeps a thing for who shows `name`.
    pub(super) fn put(&self, name: &str, address: IpAddr, thing: T) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, entry| entry.since.elapsed() < LIFE);
        let oldest = |all: &HashMap<String, Entry<T>>, of: Option<IpAddr>| {
            let meant = all.iter().filter(|(_, entry)| of.is_none_or(|of| entry.address == of));
            meant.min_by_key(|(_, entry)| entry.since).map(|(key, _)| key.clone())
        };
        if all.values().filter(|entry| entry.address == address).count() >= MAX_OF_ADDRESS {
            oldest(&all, Some(address)).map(|key| all.remove(&key));
        }
        if all.len() >= MAX_ALL {
            oldest(&all, None).map(|key| all.remove(&key));
        }
        all.insert(key(name), Entry { thing, address, since: Instant::now() });
    }

    /// Takes a thing out: it is there once.
    pub(super) fn take(&self, name: &str) -> Option<T> {
        let entry = self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(name))?;
        (entry.since.elapsed() < LIFE).then_some(entry.thing)
    }

    /// Returns a copy of a thing, which stays.
    pub(super) fn look(&self, name: &str) -> Option<T>
    where
        T: Clone,
    {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&key(name)).filter(|entry| entry.since.elapsed() < LIFE).map(|entry| entry.thing.clone())
    }
}

/// Names are kept as fingerprints, so that the time of a look tells nothing of them.
pub(super) fn key(name: &str) -> String {
    fingerprint(name, 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_nobody_crowds_out_the_others() {
        let (own, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let underway = Underway::new();
        underway.put("first", own, 1);
        assert_eq!((underway.look("first"), underway.take("first"), underway.take("first")), (Some(1), Some(1), None));
        underway.put("mine", own, 2);
        for n in 0..=MAX_OF_ADDRESS {
            underway.put(&format!("x{n}"), other, 3);
        }
        assert_eq!((underway.look("mine"), underway.look("x0"), underway.look("x1")), (Some(2), None, Some(3)));
    }
}
