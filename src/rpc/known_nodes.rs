//! What a node knows of the other nodes of its application, while it runs: shared by its listener and its client.

use std::sync::{Arc, PoisonError, RwLock};

use crate::pki::{Identity, WantedNodes};

/// What is known now. Cheap to clone; all clones know the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownNodes(Arc<RwLock<WantedNodes>>);

impl KnownNodes {
    /// Returns what is known.
    pub(crate) fn now(&self) -> WantedNodes {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what the director says.
    pub(crate) fn learn(&self, said: &WantedNodes) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *known = known.with(said);
    }

    /// Returns whether nothing is known of any node.
    pub(super) fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).up_to() == 0
    }

    /// Returns whether a certificate is that of a node that was removed. One that names no node was signed for a
    /// manager, and goes with its application.
    pub(crate) fn is_removed(&self, identity: &Identity) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        identity.node.is_some_and(|node| known.is_removed(node))
    }
}
