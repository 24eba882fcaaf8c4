//! What all parts of the director share.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::census::Census;
use super::clouds::Clouds;
use super::error::Failure;
use super::external::logins::External;
use super::last_look::LastLook;
use super::lock::DirectorLock;
use super::node::stop::StopMark;
use super::own_certificate::OwnCertificate;
use super::password::Passwords;
use super::reserve::Reserve;
use super::served::ServedSites;
use super::shown_lists::ShownLists;
use super::troubles::KnownTroubles;
use super::visits::KnownVisits;
use crate::config::DirectorConfig;
use crate::model::{ApplicationId, CloudName, VolumeTag};
use crate::pki::Authority;
use crate::store::Store;
use crate::task::Tasks;
use crate::task::keyed_lock::KeyedLocks;

/// The director's parts. Shared by all handlers and tasks.
pub(crate) struct Director {
    /// No other director has this one's database and state directory.
    pub(crate) _lock: DirectorLock,
    pub(crate) config: DirectorConfig,
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    /// The director's own certificate, shown to managers and agents.
    pub(crate) certificate: Arc<OwnCertificate>,
    pub(crate) clouds: Clouds,
    pub(crate) passwords: Passwords,
    /// The provider by which users log in, and logins on their way.
    pub(crate) external: Option<External>,
    pub(crate) tasks: Tasks,
    /// Room for what frees room.
    pub(crate) reserve: Reserve,
    pub(crate) last_look: LastLook,
    /// Whether the nodes are to stay stopped.
    pub(crate) stop_mark: StopMark,
    /// Wakes the reconcilers.
    pub(crate) reconcile: Wakers,
    /// Which nodes know of which removals.
    pub(crate) census: Census,
    pub(crate) shown_lists: ShownLists,
    /// What ingresses say of sites that are not found.
    pub(crate) troubles: KnownTroubles,
    /// What ingresses serve.
    pub(crate) served: ServedSites,
    /// What visitors ask for.
    pub(crate) visits: KnownVisits,
    /// Told whenever it is recorded how the start of an application ended.
    pub(crate) start_ended: Notify,
    /// A repeated operation waits for its first run.
    pub(crate) operations: KeyedLocks<OperationKey>,
}

impl Director {
    /// Runs `work` to its end even if the caller that waits for it goes away.
    pub(crate) async fn detached<T: Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.tasks.spawn(name, async move {
            let _caller_may_be_gone = sender.send(work.await);
        });
        receiver.await.unwrap_or_else(|_| Err(Failure::Internal("the work was cut short".into())))
    }
}

/// What is done by one task at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum OperationKey {
    /// A manager's node, by its row, is brought up.
    BringUp(i64),
    /// A node, by its row, is removed.
    RemoveNode(i64),
    /// One operation of an application's manager makes nodes.
    CreateNodes(ApplicationId, String),
    /// One operation of an application's manager makes a volume.
    CreateVolume(ApplicationId, String),
    /// A volume is made that no operation of a manager asked for.
    VolumeOfTag(VolumeTag),
    /// A service is added to an application, or removed from it.
    Services(ApplicationId),
    /// The removal of a service, by its row, is waited for.
    Removal(i64),
    /// A manifest of an application is carried out.
    Manifest(ApplicationId),
    /// The director looks whether it does what it should.
    Health,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reconciler_is_woken_even_one_that_is_at_work() {
        let (first, second) = (CloudName::default_cloud(), "other".parse().expect("a name"));
        let wakers = Wakers::new([&first, &second].into_iter());
        assert!(futures_util::poll!(Box::pin(wakers.woken(Some(&first)))).is_pending());
        // Nobody waits now; the second call does not add to the first.
        wakers.wake();
        wakers.wake();
        let gone: CloudName = "gone".parse().expect("a name");
        for cloud in [Some(&first), Some(&second), Some(&gone)] {
            assert!(futures_util::poll!(Box::pin(wakers.woken(cloud))).is_ready(), "{cloud:?}");
            assert!(futures_util::poll!(Box::pin(wakers.woken(cloud))).is_pending(), "{cloud:?}");
        }
        assert!(futures_util::poll!(Box::pin(wakers.woken(None))).is_pending(), "as for a cloud that is gone");
    }
}
