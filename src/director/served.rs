//! What each ingress serves, as it said last: by that a node is known to which no ingress sends visitors any more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Machines with an ingress.
const MAX_INGRESSES: usize = 16;
/// An ingress that works asks at least every twenty seconds; one that was not heard of for so long is gone.
const GONE: Duration = Duration::from_secs(45);
/// Of a digest.
const MAX_DIGEST_CHARS: usize = 64;

/// The digest of what each ingress serves, and when that was heard.
#[derive(Default)]
pub(crate) struct ServedSites(Mutex<BTreeMap<IpAddr, (String, Instant)>>);

impl ServedSites {
    /// Remembers what the ingress at an address serves `now`.
    pub(crate) fn remember(&self, ingress: IpAddr, digest: &str, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, heard)| now.duration_since(*heard) < GONE);
        if known.len() < MAX_INGRESSES || known.contains_key(&ingress) {
            known.insert(ingress, (digest.chars().take(MAX_DIGEST_CHARS).collect(), now));
        }
    }

    /// Returns whether every ingress that works `now` serves one of these.
    pub(crate) fn are_among(&self, digests: &BTreeSet<String>, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().all(|(digest, heard)| digests.contains(digest) || now.duration_since(*heard) >= GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ingress_serves_counts_for_as_long_as_the_ingress_is_heard_of() {
        let served = ServedSites::default();
        let new = BTreeSet::from(["new".to_owned()]);
        let (first, later, last) = (Instant::now(), Instant::now() + GONE / 2, Instant::now() + GONE);
        assert!(served.are_among(&new, first), "there is no ingress");
        served.remember([10, 0, 0, 1].into(), "old", first);
        served.remember([10, 0, 0, 2].into(), "new", first);
        assert!(!served.are_among(&new, first));
        served.remember([10, 0, 0, 2].into(), "new", later);
        assert!(!served.are_among(&new, later));
        assert!(served.are_among(&new, last), "the first one is gone");
        for number in 0..=255 {
            served.remember([10, 0, 1, number].into(), &"x".repeat(1000), last);
        }
        let known = served.0.lock().unwrap();
        assert_eq!(known.len(), MAX_INGRESSES);
        assert!(known.values().all(|(digest, _)| digest.len() <= MAX_DIGEST_CHARS));
    }
}
