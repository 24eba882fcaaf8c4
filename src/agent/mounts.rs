//! Volumes of shared storage that programs of this node use.
//!
//! # Guarantees
//! - What is mounted stays so, also when the agent or the node starts anew, and when the server was away.
//! - Nobody writes below a volume that is away: what was acknowledged would be hidden when it is back.
//! - Nothing of a path is removed: what lies below a mount is there again when that ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MntFlags, umount2};

use crate::config::AgentConfig;
use crate::service::shared_mount::{self, SharedMount};
use crate::service::{Call, MethodError, Reply};
use crate::supervise::daemon::{Daemon, DaemonError, Outcome, Supervisor};
use crate::sys;
use crate::task::Tasks;

/// The mounts of a node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Mounts {
    config: Arc<AgentConfig>,
    daemons: Arc<Supervisor>,
}

impl Mounts {
    /// Takes up the mounts of a node. Blocking.
    ///
    /// # Errors
    /// Returns an error if their directory cannot be made.
    pub(super) fn new(config: &Arc<AgentConfig>, tasks: Tasks) -> Result<Self, DaemonError> {
        let base = &config.base;
        let daemons = Supervisor::new(&base.rooted(&base.var_tmp).join("mounts"), tasks)?;
        Ok(Mounts { config: Arc::clone(config), daemons: Arc::new(daemons) })
    }

    /// Mounts what was mounted; what cannot be now is tried again by itself.
    pub(super) fn resume(&self, tasks: &Tasks) {
        let daemons = Arc::clone(&self.daemons);
        tasks.spawn("mounts", async move {
            for failure in daemons.resume().await.into_iter().filter_map(Outcome::failure) {
                tracing::error!(target: "conpaas.core.agent", "{failure}");
            }
        });
    }

    /// `mount_storage`: exactly these volumes are mounted.
    ///
    /// # Errors
    /// Returns an error if one cannot be mounted; it is tried again by itself.
    pub(super) async fn mount(&self, mut call: Call) -> Result<Reply, MethodError> {
        let mut wanted: Vec<SharedMount> = call.structure("mounts")?;
        call.finish()?;
        for mount in &mut wanted {
            mount.path = self.config.base.rooted(&mount.path);
        }
        let paths: Vec<PathBuf> = wanted.iter().map(|mount| mount.path.clone()).collect();
        let made: Result<Vec<Daemon>, MethodError> = sys::blocking(move || {
            wanted.iter().map(|mount| shared_mount::daemon(&shared_mount::name_of(&mount.path), mount)).collect()
        })
        .await;
        let outcomes = self.daemons.apply(made?).await;
        let mut failures: Vec<String> = outcomes.into_iter().filter_map(Outcome::failure).collect();
        // A node that shares its machine sees mounts of others.
        if self.config.base.root == Path::new("/") {
            failures.extend(sys::blocking(move || take_guards_away(&paths)).await.err());
        }
        if failures.is_empty() {
            return Ok(Reply::nothing());
        }
        Err(MethodError::refused(format!("shared storage is not mounted: {}", failures.join("; "))))
    }
}

/// Lets what lies below volumes be used again that are mounted no more. Blocking.
fn take_guards_away(wanted: &[PathBuf]) -> Result<(), String> {
    for guard in shared_mount::guards_left(wanted).map_err(|error| sys::chain(&error))? {
        let taken = umount2(&guard, MntFlags::MNT_DETACH);
        taken.map_err(|error| format!("cannot unmount {}: {error}", guard.display()))?;
    }
    Ok(())
}
