//! What all parts of the director share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

use super::clouds::Clouds;
use super::own_certificate::OwnCertificate;
use super::password::Passwords;
use crate::config::DirectorConfig;
use crate::model::CloudName;
use crate::pki::Authority;
use crate::store::Store;
use crate::task::Tasks;

/// The director's parts. Shared by all handlers and tasks.
pub(crate) struct Director {
    pub(crate) config: DirectorConfig,
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    /// The director's own certificate, shown to managers and agents.
    pub(crate) certificate: Arc<OwnCertificate>,
    pub(crate) clouds: Clouds,
    pub(crate) passwords: Passwords,
    pub(crate) tasks: Tasks,
    /// Wakes the reconcilers.
    pub(crate) reconcile: Wakers,
    pub(crate) operations: KeyedLocks,
}

impl Director {
    /// Runs `work` to its end even if the caller that waits for it goes away.
    pub(crate) async fn detached<T: Send + 'static>(
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

/// Wakes every reconciler: there is one for each cloud, so that none waits for another's.
pub(crate) struct Wakers {
    of_clouds: BTreeMap<CloudName, Notify>,
    of_others: Notify,
}

impl Wakers {
    pub(crate) fn new<'a>(clouds: impl Iterator<Item = &'a CloudName>) -> Self {
        let of_clouds = clouds.map(|name| (name.clone(), Notify::new())).collect();
        Wakers { of_clouds, of_others: Notify::new() }
    }

    /// Wakes them all; one that is at work goes round once more.
    pub(crate) fn wake(&self) {
        self.of_clouds.values().chain([&self.of_others]).for_each(Notify::notify_one);
    }

    /// Waits until the reconciler of a cloud (or of all that is in none) is woken.
    pub(crate) async fn woken(&self, cloud: Option<&CloudName>) {
        let waker = cloud.and_then(|cloud| self.of_clouds.get(cloud)).unwrap_or(&self.of_others);
        waker.notified().await;
    }
}

/// One lock for each key in use: a repeated operation waits for its first run.
#[derive(Default)]
pub(crate) struct KeyedLocks {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl KeyedLocks {
    pub(crate) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
