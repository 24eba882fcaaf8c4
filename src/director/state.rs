//! What all parts of the director share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

use super::clouds::Clouds;
use super::own_certificate::OwnCertificate;
use super::password::Passwords;
use crate::config::DirectorConfig;
use crate::ops::Tasks;
use crate::pki::Authority;
use crate::store::Store;

/// The director's parts. Shared by all handlers and tasks.
pub(super) struct Director {
    pub(super) config: DirectorConfig,
    pub(super) store: Store,
    pub(super) authority: Authority,
    /// The director's own certificate, shown to managers and agents.
    pub(super) certificate: Arc<OwnCertificate>,
    pub(super) clouds: Clouds,
    pub(super) passwords: Passwords,
    pub(super) tasks: Tasks,
    /// Wakes the reconciler.
    pub(super) reconcile: Notify,
    pub(super) operations: KeyedLocks,
}

impl Director {
    /// Runs `work` to its end even if the caller that waits for it goes away.
    pub(super) async fn detached<T: Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.tasks.spawn(name, async move {
            let _caller_may_be_gone = sender.send(work.await);
        });
        receiver.await.ok()
    }
}

/// One lock for each key in use: a repeated operation waits for its first run.
#[derive(Default)]
pub(super) struct KeyedLocks {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl KeyedLocks {
    pub(super) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
