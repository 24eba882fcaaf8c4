//! Which nodes know of which removals. Telling them is `node/tell_wanted`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::ApplicationId;

/// Who was told of which removals, since the director started.
#[derive(Debug, Default)]
pub(crate) struct Census {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Nodes on their way out.
    leaving: BTreeSet<i64>,
    /// How many nodes of an application were removed.
    n_removed: BTreeMap<ApplicationId, u64>,
    /// Of how many removals each node was told, by its number.
    told: BTreeMap<i64, u64>,
}

impl Census {
    /// Notes that a node is on its way out, so that the others are told.
    pub(crate) fn leaves(&self, rid: i64, aid: ApplicationId) {
        let mut state = self.state();
        if state.leaving.insert(rid) {
            *state.n_removed.entry(aid).or_default() += 1;
            self.changed.notify_one();
        }
    }

    /// Forgets a node that is gone.
    pub(crate) fn is_gone(&self, rid: i64) {
        let mut state = self.state();
        state.leaving.remove(&rid);
        state.told.remove(&rid);
    }

    /// Returns how many nodes of an application were removed.
    pub(crate) fn n_removed(&self, aid: ApplicationId) -> u64 {
        self.state().n_removed.get(&aid).copied().unwrap_or_default()
    }

    /// Returns whether a node was told of all removals in its application.
    pub(crate) fn knows(&self, rid: i64, aid: ApplicationId) -> bool {
        let n_removed = self.n_removed(aid);
        self.state().told.get(&rid) == Some(&n_removed)
    }

    /// Notes of how many removals a node was told.
    pub(crate) fn is_told(&self, rid: i64, n_removed: u64) {
        self.state().told.insert(rid, n_removed);
    }

    /// Waits until a node leaves.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_once_of_each_removal_in_its_application() {
        let census = Census::default();
        let (own, other) = (ApplicationId(1), ApplicationId(2));
        assert!(!census.knows(1, own), "nobody was told anything");
        census.is_told(1, census.n_removed(own));
        assert!(census.knows(1, own));
        census.leaves(2, own);
        assert!(!census.knows(1, own));
        census.is_told(1, census.n_removed(own));
        census.leaves(2, own);
        census.leaves(3, other);
        assert!(census.knows(1, own), "it knows of the one, and the other is not of its application");
        census.is_gone(1);
        assert!(!census.knows(1, own));
    }

    #[test]
    fn a_removal_in_the_middle_of_telling_is_told_again() {
        let census = Census::default();
        let own = ApplicationId(1);
        let before = census.n_removed(own);
        census.leaves(2, own);
        census.is_told(1, before);
        assert!(!census.knows(1, own));
    }
}
