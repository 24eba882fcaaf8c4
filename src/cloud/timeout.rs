//! A cloud that answers in time, or says that it does not.
//!
//! A remote cloud may be down, a call into the kernel may hang. Whoever asks
//! gets an error then and goes on with what does not need that cloud.
//!
//! # Guarantees
//! - An operation that takes too long is not broken off in the middle: it goes
//!   on by itself, and holds what it holds until it ends.
//! - No list is asked for while an earlier one of the same sort hangs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::cloud::{Cloud, CloudError, CloudNode, CloudVolume, NodeSpec, RepairOptions, VolumeSpec};
use crate::model::Finding;
use crate::model::{CloudName, NodeTag, VolumeTag};

/// How long each sort of operation may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudTimeouts {
    /// A question.
    pub ask: Duration,
    /// Making or starting a node.
    pub ensure_node: Duration,
    /// Anything else that changes something.
    pub change: Duration,
}

impl CloudTimeouts {
    /// The usual ones; a node may take as long as its director waits for it.
    #[must_use]
    pub(crate) fn usual(ensure_node: Duration) -> Self {
        CloudTimeouts { ask: Duration::from_secs(120), ensure_node, change: Duration::from_secs(600) }
    }
}

/// Another cloud whose operations have timeouts.
pub(crate) struct TimeoutCloud {
    inner: Arc<dyn Cloud>,
    timeouts: CloudTimeouts,
    nodes: Arc<Semaphore>,
    volumes: Arc<Semaphore>,
}

impl TimeoutCloud {
    /// Bounds what `inner` may take.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn Cloud>, timeouts: CloudTimeouts) -> TimeoutCloud {
        let one = || Arc::new(Semaphore::new(1));
        TimeoutCloud { inner, timeouts, nodes: one(), volumes: one() }
    }

    fn failed(&self, action: &str, reason: String) -> CloudError {
        CloudError::Failed { cloud: self.inner.name().clone(), action: action.to_owned(), reason }
    }

    /// Waits for `work`, which goes on when the time is over.
    async fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        action: &str,
        work: impl Future<Output = Result<T, CloudError>> + Send + 'static,
    ) -> Result<T, CloudError> {
        match tokio::time::timeout(limit, tokio::spawn(work)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(self.failed(action, "this program failed at it; its log says how".to_owned())),
            Err(_) => Err(self.failed(action, format!("it did not answer within {} s", limit.as_secs()))),
        }
    }

    /// The same for a question that is not asked twice at once.
    async fn list<T: Send + 'static>(
        &self,
        asking: &Arc<Semaphore>,
        action: &str,
        work: impl Future<Output = Result<T, CloudError>> + Send + 'static,
    ) -> Result<T, CloudError> {
        let Ok(permit) = Arc::clone(asking).try_acquire_owned() else {
            return Err(self.failed(action, "it has not answered the last time yet".to_owned()));
        };
        let work = async move {
            let _asked_until_answered = permit;
            work.await
        };
        self.within(self.timeouts.ask, action, work).await
    }
}

#[async_trait]
impl Cloud for TimeoutCloud {
    fn name(&self) -> &CloudName {
        self.inner.name()
    }

    fn driver(&self) -> &'static str {
        self.inner.driver()
    }

    async fn examine(&self) -> Result<(), CloudError> {
        let inner = Arc::clone(&self.inner);
        self.within(self.timeouts.ask, "be examined", async move { inner.examine().await }).await
    }

    async fn prepare(&self) -> Result<(), CloudError> {
        let inner = Arc::clone(&self.inner);
        self.within(self.timeouts.ask, "be made ready", async move { inner.prepare().await }).await
    }

    async fn prepare_next(&self) -> Result<(), CloudError> {
        let inner = Arc::clone(&self.inner);
        self.within(self.timeouts.change, "be made ready for a node", async move { inner.prepare_next().await }).await
    }

    async fn reserve_node(&self, spec: &NodeSpec) -> Result<(), CloudError> {
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        let action = format!("reserve node {}", spec.tag);
        self.within(self.timeouts.ask, &action, async move { inner.reserve_node(&spec).await }).await
    }

    async fn runs(&self, tag: &NodeTag) -> Result<Option<bool>, CloudError> {
        let (inner, tag) = (Arc::clone(&self.inner), tag.clone());
        let action = format!("look at node {tag}");
        self.within(self.timeouts.ask, &action, async move { inner.runs(&tag).await }).await
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        let action = format!("make node {}", spec.tag);
        self.within(self.timeouts.ensure_node, &action, async move { inner.ensure_node(&spec).await }).await
    }

    async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let (inner, tag) = (Arc::clone(&self.inner), tag.clone());
        let action = format!("stop node {tag}");
        self.within(self.timeouts.change, &action, async move { inner.stop_node(&tag).await }).await
    }

    async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let (inner, tag) = (Arc::clone(&self.inner), tag.clone());
        let action = format!("remove node {tag}");
        self.within(self.timeouts.change, &action, async move { inner.remove_node(&tag).await }).await
    }

    async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let inner = Arc::clone(&self.inner);
        self.list(&self.nodes, "list nodes", async move { inner.list_nodes().await }).await
    }

    async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        let action = format!("make volume {}", spec.tag);
        self.within(self.timeouts.change, &action, async move { inner.ensure_volume(&spec).await }).await
    }

    async fn grow_volume(&self, volume: &VolumeTag, size_mb: u64) -> Result<(), CloudError> {
        let (inner, volume) = (Arc::clone(&self.inner), volume.clone());
        let action = format!("grow volume {volume}");
        self.within(self.timeouts.change, &action, async move { inner.grow_volume(&volume, size_mb).await }).await
    }

    async fn attach_volume(&self, volume: &VolumeTag, node: &NodeTag, device: &str) -> Result<(), CloudError> {
        let inner = Arc::clone(&self.inner);
        let action = format!("attach volume {volume} to node {node}");
        let (volume, node, device) = (volume.clone(), node.clone(), device.to_owned());
        let work = async move { inner.attach_volume(&volume, &node, &device).await };
        self.within(self.timeouts.change, &action, work).await
    }

    async fn detach_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let (inner, volume) = (Arc::clone(&self.inner), volume.clone());
        let action = format!("detach volume {volume}");
        self.within(self.timeouts.change, &action, async move { inner.detach_volume(&volume).await }).await
    }

    async fn remove_volume(&self, volume: &VolumeTag) -> Result<(), CloudError> {
        let (inner, volume) = (Arc::clone(&self.inner), volume.clone());
        let action = format!("remove volume {volume}");
        self.within(self.timeouts.change, &action, async move { inner.remove_volume(&volume).await }).await
    }

    async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
        let inner = Arc::clone(&self.inner);
        self.list(&self.volumes, "list volumes", async move { inner.list_volumes().await }).await
    }

    async fn console(&self, tag: &NodeTag) -> String {
        let (inner, tag) = (Arc::clone(&self.inner), tag.clone());
        let asked = self.within(self.timeouts.ask, "show a console", async move { Ok(inner.console(&tag).await) });
        asked.await.unwrap_or_default()
    }

    async fn check(&self) -> Vec<Finding> {
        let inner = Arc::clone(&self.inner);
        let asked = self.within(self.timeouts.ask, "be looked at", async move { Ok(inner.check().await) });
        asked.await.unwrap_or_else(|error| {
            vec![Finding::bad(error.to_string(), "see whether it is reachable from this machine")]
        })
    }

    /// Somebody sits before it and can end it; an image may take an hour.
    async fn repair(&self, options: &RepairOptions<'_>) -> Vec<Finding> {
        self.inner.repair(options).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::model::Verdict;

    /// Answers when it is told to.
    struct Slow {
        name: CloudName,
        go: Notify,
        n_done: AtomicU32,
    }

    impl Slow {
        async fn wait(&self) {
            self.go.notified().await;
            self.n_done.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl Cloud for Slow {
        fn name(&self) -> &CloudName {
            &self.name
        }
        fn driver(&self) -> &'static str {
            "slow"
        }
        async fn ensure_node(&self, _spec: &NodeSpec) -> Result<CloudNode, CloudError> {
            panic!("a fault of the driver")
        }
        async fn stop_node(&self, _tag: &NodeTag) -> Result<(), CloudError> {
            Ok(())
        }
        async fn remove_node(&self, _tag: &NodeTag) -> Result<(), CloudError> {
            self.wait().await;
            Ok(())
        }
        async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
            self.wait().await;
            Ok(Vec::new())
        }
        async fn ensure_volume(&self, _spec: &VolumeSpec) -> Result<CloudVolume, CloudError> {
            panic!("a fault of the driver")
        }
        async fn attach_volume(&self, _volume: &VolumeTag, _node: &NodeTag, _device: &str) -> Result<(), CloudError> {
            Ok(())
        }
        async fn detach_volume(&self, _volume: &VolumeTag) -> Result<(), CloudError> {
            Ok(())
        }
        async fn remove_volume(&self, _volume: &VolumeTag) -> Result<(), CloudError> {
            Ok(())
        }
        async fn list_volumes(&self) -> Result<Vec<CloudVolume>, CloudError> {
            Ok(Vec::new())
        }
        async fn console(&self, _tag: &NodeTag) -> String {
            self.wait().await;
            "said".to_owned()
        }
        async fn check(&self) -> Vec<Finding> {
            self.wait().await;
            Vec::new()
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_goes_on_and_is_not_asked_again_meanwhile() {
        let slow = Arc::new(Slow { name: "iaas".parse().unwrap(), go: Notify::new(), n_done: AtomicU32::new(0) });
        let short = Duration::from_millis(20);
        let timeouts = CloudTimeouts { ask: short, ensure_node: short, change: short };
        let cloud = TimeoutCloud::new(Arc::clone(&slow) as Arc<dyn Cloud>, timeouts);
        let error = cloud.list_nodes().await.unwrap_err().to_string();
        assert_eq!(error, "cloud iaas cannot list nodes: it did not answer within 0 s");
        let error = cloud.list_nodes().await.unwrap_err().to_string();
        assert!(error.ends_with("it has not answered the last time yet"), "{error}");
        assert!(cloud.list_volumes().await.is_ok(), "another question is answered");
        slow.go.notify_one();
        let again = async {
            while slow.n_done.load(Ordering::SeqCst) == 0 || cloud.nodes.available_permits() == 0 {
                tokio::task::yield_now().await;
            }
            slow.go.notify_one();
            cloud.list_nodes().await
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), again).await.unwrap().is_ok());

        let tag: NodeTag = "n".parse().unwrap();
        assert!(cloud.remove_node(&tag).await.is_err());
        assert_eq!(cloud.console(&tag).await, "");
        assert_eq!(cloud.check().await[0].verdict, Verdict::Bad);
        let spec = VolumeSpec { tag: "v".parse().unwrap(), name: "v".to_owned(), size_mb: 1, node: None };
        let error = cloud.ensure_volume(&spec).await.unwrap_err().to_string();
        assert!(error.contains("this program failed at it"), "{error}");
    }
}
