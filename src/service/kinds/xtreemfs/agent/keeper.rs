//! Makes the programs of a node be as wanted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::wanted::Wanted;
use super::{daemons, metadata, place, volumes};
use crate::service::error::MethodError;
use crate::service::volume::mount::Volumes;
use crate::service::wanted_file::WantedFile;
use crate::supervise::daemon::{DaemonState, DaemonStatus, Outcome, Supervisor};
use crate::sys;

/// How often it is looked whether something was left undone.
const PAUSE: Duration = Duration::from_secs(10);
/// What the names of volumes for metadata begin with.
const METADATA_VOLUME: &str = "dir-";
/// The same for data.
const DATA_VOLUME: &str = "osd-";

/// Keeps the programs of a node.
pub(super) struct Keeper {
    pub place: Place,
    file: WantedFile<Wanted>,
    daemons: Supervisor,
    volumes: Volumes,
    /// Held while something changes, so that two calls never mix; whether all that is wanted is done.
    change: Mutex<bool>,
}

impl Keeper {
    pub(super) fn new(place: Place, file: WantedFile<Wanted>, daemons: Supervisor, volumes: Volumes) -> Self {
        Keeper { place, file, daemons, volumes, change: Mutex::new(false) }
    }

    /// Works until `stop`; the programs go on for the next agent. What cannot be done now is tried again.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut said = String::new();
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.bring_again() => outcome,
            };
            let problem = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            if problem != said && !problem.is_empty() {
                tracing::error!(target: "conpaas.core.agent", "{problem}");
            }
            said = problem;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn bring_again(self: &Arc<Self>) -> Result<(), MethodError> {
        let mut is_done = self.change.lock().await;
        let wanted = self.wanted().await?;
        if !*is_done {
            self.bring(wanted.clone()).await?;
            *is_done = true;
        }
        drop(is_done);
        match &wanted.master {
            Some(wish) => volumes::sweep(&self.place.admin, &wish.volumes).await,
            None => Ok(()),
        }
    }

    /// Returns what is wanted.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub(super) async fn wanted(self: &Arc<Self>) -> Result<Wanted, MethodError> {
        let keeper = Arc::clone(self);
        Ok(sys::blocking(move || keeper.file.read()).await?)
    }

    /// Writes down what is wanted after `change`, and makes it so.
    ///
    /// # Errors
    /// Returns an error if the file cannot be kept, or what is wanted is not done yet; it is tried again by itself.
    pub(super) async fn change(self: &Arc<Self>, change: impl FnOnce(&mut Wanted)) -> Result<(), MethodError> {
        let mut is_done = self.change.lock().await;
        let mut wanted = self.wanted().await?;
        change(&mut wanted);
        if wanted.metadata.is_none() && (wanted.master.is_some() || wanted.logger.is_some()) {
            wanted.metadata = Some(self.new_directory(METADATA_VOLUME).await?);
        }
        if wanted.data.is_none() && wanted.server.is_some() {
            wanted.data = Some(self.new_directory(DATA_VOLUME).await?);
        }
        let (keeper, kept) = (Arc::clone(self), wanted.clone());
        sys::blocking(move || {
            daemons::of(&kept, &keeper.place)?;
            keeper.file.write(&kept)?;
            Ok::<_, MethodError>(())
        })
        .await?;
        *is_done = false;
        self.bring(wanted).await?;
        *is_done = true;
        Ok(())
    }

    /// Returns how the programs of this node are.
    pub(super) fn status(&self) -> Vec<DaemonStatus> {
        self.daemons.status()
    }

    /// Returns whether a program of this node serves.
    pub(super) fn is_ready(&self, daemon: &str) -> bool {
        self.daemons.status_of(daemon).is_some_and(|status| status.state == DaemonState::Ready)
    }

    /// Returns whether this node keeps a whole copy of the metadata.
    pub(super) async fn has_copy(&self, wanted: &Wanted) -> bool {
        let Some(directory) = wanted.metadata.clone().filter(|_| wanted.logger.is_some()) else { return false };
        sys::blocking(move || metadata::is_whole(&place::metadata(&directory))).await
    }

    /// Makes the directory of a node that never had one. Only here: if its volume is missing later, it is missing too.
    async fn new_directory(self: &Arc<Self>, prefix: &'static str) -> Result<PathBuf, MethodError> {
        let keeper = Arc::clone(self);
        sys::blocking(move || {
            let mut names = keeper.volumes.names();
            names.retain(|name| name.starts_with(prefix));
            let directory = keeper.place.home.data_directory(&names);
            keeper.place.prepare(&directory)?;
            Ok(directory)
        })
        .await
    }

    async fn bring(self: &Arc<Self>, wanted: Wanted) -> Result<(), MethodError> {
        if let (Some(directory), Some(_)) = (&wanted.metadata, &wanted.master) {
            let copy = directory.clone();
            if sys::blocking(move || metadata::takes_over(&copy)).await {
                // The copy is not written to any more.
                let rest = Wanted { master: None, logger: None, ..wanted.clone() };
                self.daemons.apply(daemons::of(&rest, &self.place)?).await;
            }
            metadata::prepare(&self.place, directory, wanted.data.as_deref()).await?;
        }
        let (keeper, prepared) = (Arc::clone(self), wanted.clone());
        let daemons = sys::blocking(move || {
            if let (Some(directory), Some(_)) = (&prepared.metadata, &prepared.logger) {
                keeper.place.prepare_logger(directory)?;
            }
            if let (Some(directory), Some(_)) = (&prepared.data, &prepared.server) {
                keeper.place.prepare_server(directory)?;
            }
            daemons::of(&prepared, &keeper.place)
        })
        .await?;
        let outcomes = self.daemons.apply(daemons).await;
        let failures: Vec<String> = outcomes.into_iter().filter_map(Outcome::failure).collect();
        if !failures.is_empty() {
            return Err(MethodError::refused(failures.join("; ")));
        }
        match &wanted.master {
            Some(wish) => volumes::make(&self.place.admin, &wish.volumes).await,
            None => Ok(()),
        }
    }
}
