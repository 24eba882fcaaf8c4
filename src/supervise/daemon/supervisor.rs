//! All daemons of one directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::{mpsc, oneshot, watch};

use super::error::DaemonError;
use super::name::DaemonName;
use super::order::{Change, DaemonStatus, Memory, Order, Reply};
use super::place::DaemonPlace;
use super::spec::Daemon;
use super::task::DaemonTask;
use crate::sys::{blocking, chain, file};
use crate::task::Tasks;

const THIS_PROGRAM: &str = "/proc/self/exe";
/// A task that ends a daemon takes no order meanwhile; nobody gives more than a few.
const ORDERS: usize = 8;

/// What was done about one daemon, or why nothing was.
#[derive(Debug)]
pub struct Outcome {
    /// Which one.
    pub name: DaemonName,
    /// What was done.
    pub change: Result<Change, DaemonError>,
}

impl Outcome {
    /// Returns why nothing was done, with all causes.
    #[must_use]
    pub fn failure(self) -> Option<String> {
        self.change.err().map(|error| chain(&error))
    }
}

/// Makes daemons be as wanted, and keeps them so.
///
/// Only one at a time works in a directory. When it stops its daemons go on, and the next one takes them over.
pub struct Supervisor {
    directory: PathBuf,
    keeper: PathBuf,
    tasks: Tasks,
    daemons: Mutex<BTreeMap<DaemonName, Handle>>,
    /// Held while daemons change, so that two calls never mix.
    change: tokio::sync::Mutex<()>,
    _only_one: Flock<File>,
}

#[derive(Clone)]
struct Handle {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<DaemonStatus>,
}

impl Supervisor {
    /// Begins to supervise in a directory, which lasts longer than a boot of the machine. Nothing is
    /// started before [`Supervisor::resume`] or [`Supervisor::apply`]. Blocking.
    ///
    /// # Errors
    /// The directory cannot be made, or another supervisor works in it.
    pub fn new(directory: &Path, tasks: Tasks) -> Result<Self, DaemonError> {
        Supervisor::with_keeper(directory, tasks, Path::new(THIS_PROGRAM))
    }

    /// The same where this process is not the `conpaas` that keeps programs, as in tests. Blocking.
    ///
    /// # Errors
    /// As [`Supervisor::new`].
    pub fn with_keeper(directory: &Path, tasks: Tasks, keeper: &Path) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::Directory { directory: directory.to_owned(), source };
        file::ensure_passable_directory(directory).map_err(|error| failed(io::Error::new(error.kind(), error)))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("lock"));
        let only_one = Flock::lock(lock.map_err(failed)?, FlockArg::LockExclusiveNonblock);
        Ok(Supervisor {
            directory: directory.to_owned(),
            keeper: keeper.to_owned(),
            tasks,
            daemons: Mutex::default(),
            change: tokio::sync::Mutex::default(),
            _only_one: only_one.map_err(|(_, errno)| failed(errno.into()))?,
        })
    }

    /// Makes exactly these daemons run: stops others, then starts, reloads or restarts what differs, and
    /// waits until each is ready or has failed. One that failed is tried again later by itself.
    pub async fn apply(&self, wanted: Vec<Daemon>) -> Vec<Outcome> {
        let _change = self.change.lock().await;
        let names: BTreeSet<DaemonName> = wanted.iter().map(|daemon| daemon.name.clone()).collect();
        let known = self.known().await.into_iter().filter(|name| !names.contains(name));
        let mut outcomes = join_all(known.map(|name| self.forget(name))).await;
        let mut seen = BTreeSet::new();
        let orders = wanted.into_iter().map(|daemon| {
            let is_first = seen.insert(daemon.name.clone());
            self.converge(daemon, is_first)
        });
        outcomes.extend(join_all(orders).await);
        outcomes
    }

    /// Takes over or starts what was wanted when the last supervisor ended, and ends what was not wanted any more.
    pub async fn resume(&self) -> Vec<Outcome> {
        let _change = self.change.lock().await;
        join_all(self.known().await.into_iter().map(|name| self.resume_one(name))).await
    }

    /// Returns how each daemon is.
    #[must_use]
    pub fn status(&self) -> Vec<DaemonStatus> {
        self.locked().values().map(|handle| handle.status.borrow().clone()).collect()
    }

    /// Returns how one daemon is; `None` if it is not known.
    #[must_use]
    pub fn status_of(&self, daemon: &str) -> Option<DaemonStatus> {
        self.status().into_iter().find(|status| status.name.as_str() == daemon)
    }

    /// Waits until `condition` holds for the status of a daemon; returns that status, or `None` if it is not known.
    pub async fn status_when(
        &self,
        name: &DaemonName,
        condition: impl Fn(&DaemonStatus) -> bool,
    ) -> Option<DaemonStatus> {
        let mut status = self.locked().get(name)?.status.clone();
        let found = status.wait_for(|status| condition(status)).await.ok()?;
        Some(found.clone())
    }

    /// Stops all daemons, each within its own grace or this one, whichever is shorter. They stay wanted:
    /// the next [`Supervisor::resume`] starts them.
    pub async fn stop_all(&self, grace: Duration) -> Vec<Outcome> {
        let _change = self.change.lock().await;
        let known = self.known().await;
        join_all(known.into_iter().map(|name| self.stop(name, Some(grace), Memory::Keep))).await
    }

    async fn converge(&self, daemon: Daemon, is_first: bool) -> Outcome {
        let name = daemon.name.clone();
        if !is_first {
            return Outcome { name: name.clone(), change: Err(DaemonError::Twice { name }) };
        }
        self.order(name, |reply| Order::Converge(Box::new(daemon), reply)).await
    }

    async fn resume_one(&self, name: DaemonName) -> Outcome {
        let place = DaemonPlace::new(&self.directory, &name);
        match blocking(move || place.wanted()).await {
            Some(daemon) => self.converge(daemon, true).await,
            None => self.forget(name).await,
        }
    }

    async fn forget(&self, name: DaemonName) -> Outcome {
        let outcome = self.stop(name, None, Memory::Forget).await;
        if outcome.change.is_ok() {
            self.locked().remove(&outcome.name);
        }
        outcome
    }

    async fn stop(&self, name: DaemonName, grace: Option<Duration>, memory: Memory) -> Outcome {
        self.order(name, |reply| Order::Stop(grace, memory, reply)).await
    }

    async fn order(&self, name: DaemonName, order: impl FnOnce(Reply) -> Order) -> Outcome {
        let handle = self.handle(&name);
        let (reply, answer) = oneshot::channel();
        let sent = handle.orders.send(order(reply)).await;
        let change = match (sent, answer.await) {
            (Ok(()), Ok(change)) => change,
            _ => Err(DaemonError::Stopping { name: name.clone() }),
        };
        Outcome { name, change }
    }

    /// Returns the task of a daemon; begins one if it has none.
    fn handle(&self, name: &DaemonName) -> Handle {
        let mut daemons = self.locked();
        if let Some(handle) = daemons.get(name) {
            return handle.clone();
        }
        let place = DaemonPlace::new(&self.directory, name);
        let (task, status) = DaemonTask::new(place, self.keeper.clone());
        let (orders, receiver) = mpsc::channel(ORDERS);
        self.tasks.spawn("daemon", task.run(receiver, self.tasks.stopping()));
        let handle = Handle { orders, status };
        daemons.insert(name.clone(), handle.clone());
        handle
    }

    /// All daemons that have a task or a directory.
    async fn known(&self) -> BTreeSet<DaemonName> {
        let directory = self.directory.clone();
        let on_disk = blocking(move || {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            let directories = entries.filter(|entry| entry.path().is_dir());
            directories.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect::<Vec<DaemonName>>()
        })
        .await;
        on_disk.into_iter().chain(self.locked().keys().cloned()).collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<DaemonName, Handle>> {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
