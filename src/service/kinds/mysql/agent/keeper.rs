//! Makes the programs of a node be as wanted. Some take hours to be ready, and nobody waits for those.

use std::sync::{Arc, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::daemons;
use super::place::Place;
use super::tls;
use super::wanted::Wanted;
use crate::service::error::MethodError;
use crate::service::wanted_file::WantedFile;
use crate::supervise::daemon::{DaemonStatus, Outcome, Supervisor};
use crate::sys;

/// Keeps the programs of a node.
pub(super) struct Keeper {
    place: Place,
    file: WantedFile<Wanted>,
    daemons: Supervisor,
    /// Something else is wanted.
    changed: Notify,
    /// How often something else was wanted.
    wanted: std::sync::Mutex<u64>,
    /// Up to which of these all was done, and what failed.
    done: watch::Sender<(u64, Vec<String>)>,
    /// Held while the file changes.
    change: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(super) fn new(place: Place, file: WantedFile<Wanted>, daemons: Supervisor) -> Self {
        Keeper {
            place,
            file,
            daemons,
            changed: Notify::new(),
            wanted: std::sync::Mutex::new(0),
            done: watch::Sender::new((0, Vec::new())),
            change: tokio::sync::Mutex::new(()),
        }
    }

    /// Works until `stop`; the programs go on for the next agent.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => {}
            }
            let number = *self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::select! {
                () = stop.cancelled() => return,
                // What was begun goes on by itself, and is looked at again.
                () = self.changed.notified() => self.changed.notify_one(),
                failures = self.bring() => {
                    for failure in &failures {
                        tracing::error!(target: "conpaas.core.agent", "{failure}");
                    }
                    self.done.send_replace((number, failures));
                }
            }
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

    /// Writes down what is wanted after `change`, and has it done. Returns the number to wait for.
    ///
    /// # Errors
    /// Returns an error if the file cannot be kept, or a program is missing.
    pub(super) async fn change(self: &Arc<Self>, change: impl FnOnce(&mut Wanted)) -> Result<u64, MethodError> {
        let _change = self.change.lock().await;
        let mut wanted = self.wanted().await?;
        change(&mut wanted);
        let keeper = Arc::clone(self);
        sys::blocking(move || {
            daemons::of(&wanted, &keeper.place)?;
            keeper.file.write(&wanted)?;
            Ok::<_, MethodError>(())
        })
        .await?;
        Ok(self.again())
    }

    /// Has what is wanted done once more.
    pub(super) fn again(&self) -> u64 {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        *wanted += 1;
        self.changed.notify_one();
        *wanted
    }

    /// Waits until what was wanted at `number` is done.
    ///
    /// # Errors
    /// Returns what failed.
    pub(super) async fn done(&self, number: u64) -> Result<(), MethodError> {
        let mut done = self.done.subscribe();
        let failures = match done.wait_for(|(up_to, _)| *up_to >= number).await {
            Ok(found) => found.1.clone(),
            Err(_) => vec!["the agent stops".to_owned()],
        };
        if failures.is_empty() { Ok(()) } else { Err(MethodError::refused(failures.join("; "))) }
    }

    /// Returns whether all that is wanted is done.
    pub(super) fn is_at_rest(&self) -> bool {
        let wanted = *self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        self.done.borrow().0 >= wanted
    }

    /// Returns how a daemon is.
    pub(super) fn status(&self, daemon: &str) -> Option<DaemonStatus> {
        self.daemons.status_of(daemon)
    }

    async fn bring(self: &Arc<Self>) -> Vec<String> {
        let keeper = Arc::clone(self);
        let daemons = sys::blocking(move || {
            let wanted = keeper.file.read()?;
            if wanted.uses_tls() {
                tls::place_certificate(&keeper.place)?;
            }
            daemons::of(&wanted, &keeper.place)
        })
        .await;
        match daemons {
            Ok(daemons) => self.daemons.apply(daemons).await.into_iter().filter_map(Outcome::failure).collect(),
            Err(error) => vec![error.to_string()],
        }
    }
}
