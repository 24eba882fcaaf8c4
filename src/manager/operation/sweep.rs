//! What could not be given back at the time is given back later.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::step::StepError;
use super::task::Plan;
use crate::api::{NodeView, texts};
use crate::manager::core::Manager;
use crate::manager::director::DirectorError;
use crate::model::ServiceId;
use crate::node::Level;
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, NodeRow, VolumeRow};
use crate::sys;

const PAUSE: Duration = Duration::from_secs(60);

/// Looks every minute for nodes and volumes that belong to nothing any more, until `stop`.
pub(crate) async fn sweep(manager: Arc<Manager>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        if let Err(error) = manager.sweep_once().await {
            tracing::warn!("cannot look for what is left over: {}", sys::chain(&error));
        }
    }
}

impl Manager {
    async fn sweep_once(&self) -> Result<(), StoreError> {
        let (nodes, volumes) = self.store.read(left_over).await?;
        if !nodes.is_empty() {
            let views: Vec<NodeView> = nodes.iter().map(|node| node.view.clone()).collect();
            let ids: Vec<String> = views.iter().map(|view| view.id.clone()).collect();
            match self.return_nodes(&views).await {
                Ok(()) => self.store.write(move |tx| store::delete_nodes(tx, &ids)).await?,
                Err(error) => tracing::warn!("nodes are still not given back: {}", sys::chain(&error)),
            }
        }
        for volume in volumes {
            if let Err(error) = self.give_volume_back(&volume).await {
                let text = format!("volume '{}' is still not destroyed: {}", volume.name, sys::chain(&error));
                self.note(ServiceId::MANAGER, Level::Warning, &text);
            }
        }
        Ok(())
    }

    /// Returns nodes to the cloud, after the director knows which of their volumes stay.
    pub(crate) async fn return_nodes(&self, nodes: &[NodeView]) -> Result<(), StepError> {
        let volumes = self.store.read(|tx| store::list_volumes(tx, None)).await?;
        let is_of_node = |volume: &&VolumeRow| nodes.iter().any(|node| node.id == volume.node_id);
        for volume in volumes.iter().filter(|volume| volume.is_kept).filter(is_of_node) {
            self.give_volume_back(volume).await?;
        }
        Ok(self.director.remove_nodes(nodes).await?)
    }

    /// Destroys a volume and forgets it; one that is kept is the director's from then on.
    pub(crate) async fn give_volume_back(&self, volume: &VolumeRow) -> Result<(), StepError> {
        if let Some(volume_id) = &volume.volume_id {
            if volume.is_kept && !self.keep(volume, volume_id).await? {
                let name = volume.name.clone();
                return Ok(self.store.write(move |tx| store::delete_volume(tx, &name)).await?);
            }
            let detached: Result<(), DirectorError> = self.director.detach_volume(&volume.cloud, volume_id).await;
            if let Err(error) = detached {
                // Destroying detaches as well, and so does the end of the node; their words decide.
                tracing::debug!("volume '{}': {}", volume.name, sys::chain(&error));
            }
            if !volume.is_kept {
                self.director.destroy_volume(&volume.cloud, volume_id).await?;
            }
        }
        let name = volume.name.clone();
        Ok(self.store.write(move |tx| store::delete_volume(tx, &name)).await?)
    }
}

impl Manager {
    /// Has the director keep a volume. Returns whether there is one.
    async fn keep(&self, volume: &VolumeRow, volume_id: &str) -> Result<bool, DirectorError> {
        let lost = texts::volume_not_found(volume_id, self.config.base.app_id);
        match self.director.keep_volume(volume_id, volume.sid).await {
            // Its nodes would wait for ever.
            Err(DirectorError::Refused { words, .. }) if words == lost => {
                let text = format!("volume '{}' cannot be kept: the director does not have it any more", volume.name);
                self.note(volume.sid, Level::Error, &text);
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }
}

/// Nodes on their way out, and volumes without a node or that were to be kept, of services that no operation changes.
fn left_over(tx: &store::Transaction<'_>) -> Result<(Vec<NodeRow>, Vec<VolumeRow>), StoreError> {
    let operations = store::list_operations::<Plan>(tx, None)?;
    let is_quiet = |sid: ServiceId| !operations.iter().any(|operation| operation.sid == sid);
    let states = store::list_services(tx)?;
    let is_stopped = |sid: ServiceId| states.iter().any(|row| row.sid == sid && row.state.is_stopped());
    let all = store::list_nodes(tx, None)?;
    let nodes: Vec<NodeRow> =
        all.iter().filter(|node| node.phase != NodePhase::Active && is_quiet(node.sid)).cloned().collect();
    let has_node =
        |volume: &VolumeRow| all.iter().any(|node| node.view.id == volume.node_id && node.phase == NodePhase::Active);
    let volumes = store::list_volumes(tx, None)?;
    let volumes = volumes
        .into_iter()
        .filter(|volume| is_quiet(volume.sid) && (is_stopped(volume.sid) || volume.is_kept || !has_node(volume)));
    Ok((nodes, volumes.collect()))
}
