//! The socket by which git's hook tells of a push.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{User, chown};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::enable;
use super::take;
use crate::manager::core::Manager;
use crate::node::Level;
use crate::service::MethodError;
use crate::service::git::{Pushed, place};
use crate::sys::{blocking, chain, file};

/// Hooks at once; the account runs one push at a time.
const AT_ONCE: usize = 4;
const MAX_LINE_BYTES: u64 = 1 << 20;
const READ_LIMIT: Duration = Duration::from_secs(10);

/// Opens the door if a key is there, takes what was pushed while no manager ran, and listens for pushes.
pub(crate) fn begin(manager: &Arc<Manager>) {
    if !manager.git.is_possible() {
        return;
    }
    let Ok(Some(account)) = User::from_name(place::ACCOUNT) else { return };
    let worker = Arc::clone(manager);
    manager.tasks.spawn("push", async move {
        let listener = match blocking(move || bind(&account)).await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!("no push can be taken: {}", chain(&error));
                return;
            }
        };
        let stopping = worker.tasks.stopping();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = serve(&worker, listener) => {}
        }
    });
    let worker = Arc::clone(manager);
    manager.tasks.spawn("git door", async move {
        let stopping = worker.tasks.stopping();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = open(&worker) => {}
        }
    });
}

async fn open(manager: &Arc<Manager>) {
    match manager.git.ensure_open().await {
        Ok(true) => take_left(manager).await,
        Ok(false) => {}
        Err(error) => tracing::error!("nobody can push code: {error}"),
    }
}

async fn take_left(manager: &Arc<Manager>) {
    for revision in take::left(manager).await {
        let mut nobody = Teller { to: None };
        if let Err(error) = take_one(manager, &revision, &mut nobody).await {
            tracing::error!("revision {revision} that was pushed cannot be taken: {error}");
        }
    }
}

fn bind(account: &User) -> Result<UnixListener, file::FileError> {
    let path = Path::new(place::SOCKET);
    let fail = |error: io::Error| file::FileError::new("listen at", path, error);
    file::ensure_directory(Path::new(place::RUN))?;
    std::fs::set_permissions(place::RUN, Permissions::from_mode(0o755)).map_err(fail)?;
    file::ensure_absent(path)?;
    let listener = UnixListener::bind(path).map_err(fail)?;
    chown(path, None, Some(account.gid)).map_err(|errno| fail(errno.into()))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(fail)?;
    Ok(listener)
}

async fn serve(manager: &Arc<Manager>, listener: UnixListener) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let worker = Arc::clone(manager);
                manager.tasks.spawn("a push", async move {
                    let stopping = worker.tasks.stopping();
                    tokio::select! {
                        () = stopping.cancelled() => {}
                        () = answer(&worker, stream) => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("a push cannot be heard: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(manager: &Arc<Manager>, stream: UnixStream) {
    let (read, write) = stream.into_split();
    let mut teller = Teller { to: Some(write) };
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(MAX_LINE_BYTES));
    let heard = tokio::time::timeout(READ_LIMIT, reader.read_line(&mut line)).await;
    let Ok(Ok(_)) = heard else { return };
    let Ok(pushed) = serde_json::from_str::<Pushed>(&line) else { return };
    for revision in pushed.revisions() {
        if let Err(error) = take_one(manager, revision, &mut teller).await {
            teller.say(&format!("No code version is made: {error}")).await;
        }
    }
}

/// Makes code versions of a revision, enables them where that is wanted, and tells what becomes of them.
async fn take_one(manager: &Arc<Manager>, revision: &str, teller: &mut Teller) -> Result<(), MethodError> {
    let taken = take::take(manager, revision).await?;
    if taken.services.is_empty() {
        for line in take::nothing_for_a_service(manager).await? {
            teller.say(&line).await;
        }
        return take::mark(manager, &taken).await;
    }
    let mut waiting = Vec::new();
    for service in &taken.services {
        let (sid, kind, id) = (service.row.sid, service.kind.name, &taken.id);
        manager.note(sid, Level::Info, &format!("Code version '{id}' pushed"));
        teller.say(&format!("Code version {id} of service {sid} ({kind}) is made.")).await;
        if !enable::is_wanted(manager, sid).await? {
            let aid = manager.config.base.app_id;
            teller.say(&format!("  It runs after 'conpaas {kind} enable_code {aid} {sid} {id}'.")).await;
            continue;
        }
        teller.say(&format!("  Enabling it in service {sid} ...")).await;
        match enable::begin(manager, service, id).await {
            Ok(begun) => waiting.push((service, begun)),
            Err(error) => teller.say(&format!("  FAILED: {error}")).await,
        }
    }
    take::mark(manager, &taken).await?;
    for (service, begun) in waiting {
        let line = enable::outcome(manager, service, begun).await?;
        teller.say(&format!("  {line}")).await;
    }
    Ok(())
}

/// Whoever pushed, as long as he listens.
struct Teller {
    to: Option<OwnedWriteHalf>,
}

impl Teller {
    async fn say(&mut self, line: &str) {
        let Some(to) = &mut self.to else { return };
        let plain: String = line.chars().filter(|c| !c.is_control()).collect();
        if to.write_all(format!("{plain}\n").as_bytes()).await.is_err() {
            self.to = None;
        }
    }
}
