//! Opens the door: makes what it needs, and keeps the SSH server running while a key is there.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{User, chown, geteuid};
use tokio::sync::Mutex;

use super::daemon::{self, SSHD};
use super::host_key::HostKey;
use super::place;
use super::rules::Rules;
use super::run::as_account;
use crate::api::manager::DoorState;
use crate::config::NodeBase;
use crate::service::error::MethodError;
use crate::supervise::daemon::{Daemon, DaemonState, Supervisor};
use crate::sys::file::{self, FileError};
use crate::sys::{blocking, chain, memory, program};
use crate::task::Tasks;

/// Where the program is in a node, whatever the running one was called.
const PROGRAM: &str = "/usr/sbin/conpaas";
/// By which git runs this program. The name of the hook is that of its file.
const HOOK: &str = "#!/bin/sh\nexec PROGRAM git-hook \"${0##*/}\"\n";
const HOOK_NAMES: [&str; 2] = ["pre-receive", "post-receive"];

/// The door of one manager. Cheap to clone; clones are the same door.
#[derive(Clone)]
pub(crate) struct GitDoor {
    inner: Arc<Inner>,
}

struct Inner {
    base: NodeBase,
    tasks: Tasks,
    /// Made with the first key; held while the door changes.
    supervisor: Mutex<Option<Supervisor>>,
}

impl GitDoor {
    /// Returns the door of the manager with this configuration. Nothing is looked at or made yet.
    #[must_use]
    pub(crate) fn new(base: &NodeBase, tasks: Tasks) -> Self {
        GitDoor { inner: Arc::new(Inner { base: base.clone(), tasks, supervisor: Mutex::new(None) }) }
    }

    /// Returns whether this manager has a node of its own, so that a port and an account of the node are its own, too.
    #[must_use]
    pub(crate) fn is_possible(&self) -> bool {
        self.inner.base.root == Path::new("/") && geteuid().is_root()
    }

    /// Opens the door if a key is there, and returns whether it is open. It can be called at any time again.
    ///
    /// # Errors
    /// A key is there, and the door cannot be opened.
    pub(crate) async fn ensure_open(&self) -> Result<bool, MethodError> {
        let base = self.inner.base.clone();
        if !self.is_possible() || !blocking(move || has_key(&base)).await {
            return Ok(false);
        }
        let mut supervisor = self.inner.supervisor.lock().await;
        let base = self.inner.base.clone();
        let (sshd, program) = blocking(|| installed().map(|sshd| (sshd, own_program()))).await?;
        let hook_program = program.clone();
        blocking(move || prepare(&base, &hook_program)).await?;
        ensure_repository(&self.inner.base).await?;
        HostKey::ensure(&self.inner.base).await?;
        let wanted = daemon::sshd(sshd, &program).map_err(|error| MethodError::refused(chain(&error)))?;
        let found = match supervisor.take() {
            Some(found) => found,
            None => self.supervise().await?,
        };
        let outcome = converge(&found, wanted).await;
        *supervisor = Some(found);
        outcome.map(|()| true)
    }

    /// Returns whether users can push, and why they cannot although a key is there.
    pub(crate) async fn state(&self) -> (DoorState, Option<String>) {
        let base = self.inner.base.clone();
        if !self.is_possible() {
            let reason = "the manager has no node of its own, whose SSH port it could use";
            return (DoorState::Closed, Some(reason.to_owned()));
        }
        if !blocking(move || has_key(&base)).await {
            return (DoorState::Closed, None);
        }
        let supervisor = self.inner.supervisor.lock().await;
        let status = supervisor.as_ref().map(Supervisor::status).unwrap_or_default();
        match status.into_iter().find(|status| status.name.as_str() == SSHD) {
            Some(status) if matches!(status.state, DaemonState::Ready | DaemonState::Reloading) => {
                (DoorState::Open, None)
            }
            Some(status) => (DoorState::Failed, status.reason),
            None => (DoorState::Failed, Some("the SSH server was not started; the manager's log says why".to_owned())),
        }
    }

    /// Returns the key by which users know the node, once it was made.
    pub(crate) async fn host_key(&self) -> Option<HostKey> {
        let base = self.inner.base.clone();
        blocking(move || HostKey::read(&base)).await
    }

    async fn supervise(&self) -> Result<Supervisor, MethodError> {
        let directory = self.inner.base.rooted(&self.inner.base.var_cache).join("daemons");
        let tasks = self.inner.tasks.clone();
        let supervisor = blocking(move || Supervisor::new(&directory, tasks)).await;
        supervisor.map_err(|error| MethodError::refused(chain(&error)))
    }
}

async fn converge(supervisor: &Supervisor, wanted: Daemon) -> Result<(), MethodError> {
    let outcomes = supervisor.apply(vec![wanted]).await;
    let failed = outcomes.into_iter().find_map(|outcome| outcome.change.err());
    failed.map_or(Ok(()), |error| Err(MethodError::refused(format!("the SSH server: {}", chain(&error)))))
}

fn has_key(base: &NodeBase) -> bool {
    let text = file::read_text(&base.rooted(place::KEYS)).unwrap_or_default();
    text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

fn installed() -> Result<PathBuf, MethodError> {
    let found = program::find("sshd").filter(|_| matches!(User::from_name(place::ACCOUNT), Ok(Some(_))));
    found.ok_or_else(|| {
        MethodError::refused(
            "this node has no SSH server and no account 'git': its image was built before code could be pushed; \
             'conpaas image build services' builds a new one",
        )
    })
}

fn own_program() -> String {
    let own = std::env::current_exe().ok().filter(|path| path.is_file());
    own.map_or_else(|| PROGRAM.to_owned(), |path| path.display().to_string())
}

/// Makes directories, hooks, rules and what git is told. Blocking.
fn prepare(base: &NodeBase, program: &str) -> Result<(), MethodError> {
    let account = User::from_name(place::ACCOUNT).ok().flatten();
    let account = account.ok_or_else(|| MethodError::refused("there is no account 'git'"))?;
    for directory in [place::DIRECTORY, place::HOOKS, place::RUN, "/run/sshd", "/home/git"] {
        open_directory(&base.rooted(directory), 0o755)?;
    }
    for directory in [place::REPOSITORY, place::SLOTS] {
        let path = base.rooted(directory);
        open_directory(&path, 0o750)?;
        chown(&path, Some(account.uid), Some(account.gid))
            .map_err(|errno| FileError::new("give away", &path, errno.into()))?;
    }
    Rules::new(&base.archive, memory::total_bytes().unwrap_or_default()).write(&base.rooted(place::RULES))?;
    for name in HOOK_NAMES {
        let text = HOOK.replace("PROGRAM", program);
        write(&base.rooted(place::HOOKS).join(name), &text, 0o755)?;
    }
    let configuration = daemon::git_configuration().map_err(|error| MethodError::refused(chain(&error)))?;
    Ok(write(&base.rooted(place::CONFIGURATION), &configuration, 0o644)?)
}

/// A node's umask may close what the account has to read.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    file::write_atomic(path, text.as_bytes(), mode)?;
    set_mode(path, mode)
}

fn open_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    file::ensure_directory(path)?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|source| FileError::new("set the mode of", path, source))
}

/// An empty repository, made as the account, so that all in it is the account's.
async fn ensure_repository(base: &NodeBase) -> Result<(), MethodError> {
    if base.rooted(place::REPOSITORY).join("HEAD").is_file() {
        return Ok(());
    }
    let mut words = as_account();
    // The template of Debian brings hooks that nobody reads.
    let git = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", place::REPOSITORY];
    words.extend(git.map(str::to_owned));
    let made = program::run(&words[0], &words[1..], program::LIMIT).await;
    made.map(drop).map_err(|error| MethodError::refused(chain(&error)))
}
