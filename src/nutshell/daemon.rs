//! The nutshell's director and its web frontend, each as a process of its own.
//!
//! They are not kept by [`supervise`](crate::supervise): they end with the machine's session, are never started again by
//! themselves, and say by the protocol of service managers that they are ready.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::UnixDatagram;

use super::{NutshellError, Place};
use crate::sys::process::{self, ProcessId};
use crate::sys::program::{Output, Session, start};
use crate::sys::{blocking, file};

/// How long a director may take to be ready: it looks at its clouds first.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Daemon {
    /// The director.
    Director,
    /// The web frontend.
    Frontend,
}

impl Daemon {
    fn name(self) -> &'static str {
        match self {
            Daemon::Director => "director",
            Daemon::Frontend => "frontend",
        }
    }

    fn json(self, place: &Place) -> PathBuf {
        place.directory.join(format!("{}.json", self.name()))
    }

    /// What it prints.
    pub(crate) fn log(self, place: &Place) -> PathBuf {
        place.directory.join(format!("{}.log", self.name()))
    }

    fn arguments(self, place: &Place) -> Vec<OsString> {
        match self {
            Daemon::Director => vec!["director".into(), "--config".into(), place.director_cfg().into()],
            Daemon::Frontend => vec![
                "frontend".into(),
                "--listen".into(),
                place.pages_listen().to_string().into(),
                "--files".into(),
                place.cert_dir().join("frontend").into(),
                "--state-dir".into(),
                place.directory.join("frontend").into(),
            ],
        }
    }
}

/// The running one.
pub(crate) fn running(place: &Place, daemon: Daemon) -> Option<ProcessId> {
    let text = file::read_text(&daemon.json(place)).ok()?;
    serde_json::from_str::<ProcessId>(&text).ok().filter(|process| process.is_alive())
}

/// Starts it, unless it runs, and waits until it says that it is ready, as a service manager would.
pub(crate) async fn ensure_started(place: &Place, daemon: Daemon) -> Result<(), NutshellError> {
    if running(place, daemon).is_some() {
        return Ok(());
    }
    let socket = place.directory.join("notify");
    file::ensure_absent(&socket)?;
    let listener = UnixDatagram::bind(&socket).map_err(|source| file::FileError::new("listen on", &socket, source))?;
    let process = {
        let place = place.clone();
        let socket = socket.clone();
        blocking(move || spawn(&place, daemon, &socket)).await?
    };
    let outcome = wait_ready(place, daemon, &listener, process).await;
    file::ensure_absent(&socket)?;
    if outcome.is_err() {
        stop(place, daemon).await?;
    }
    outcome
}

/// Stops it: asks it, then makes it. Fine if none runs.
pub(crate) async fn stop(place: &Place, daemon: Daemon) -> Result<(), NutshellError> {
    if let Some(process) = running(place, daemon)
        && !process::end(process, Signal::SIGTERM, STOP_LIMIT).await
    {
        return Err(NutshellError::Left(format!("the {}, process {}", daemon.name(), process.pid)));
    }
    Ok(file::ensure_absent(&daemon.json(place))?)
}

fn spawn(place: &Place, daemon: Daemon, socket: &Path) -> Result<ProcessId, NutshellError> {
    let mut environment = place.environment();
    environment.push(("NOTIFY_SOCKET".into(), socket.into()));
    let log = daemon.log(place);
    let pid = start(&Session {
        program: &place.program,
        arguments: &daemon.arguments(place),
        environment: &environment,
        stdout: Output::Appended(&log),
        stderr: Output::Appended(&log),
    })?;
    let process = ProcessId::of(pid).ok_or_else(|| ended(place, daemon))?;
    let text = serde_json::to_string(&process).expect("two numbers are always JSON");
    file::write_atomic(&daemon.json(place), text.as_bytes(), 0o600)?;
    Ok(process)
}

async fn wait_ready(
    place: &Place,
    daemon: Daemon,
    listener: &UnixDatagram,
    process: ProcessId,
) -> Result<(), NutshellError> {
    tokio::select! {
        () = says_ready(listener) => Ok(()),
        () = process::ended(process) => Err(ended(place, daemon)),
        () = tokio::time::sleep(START_LIMIT) => {
            Err(NutshellError::Silent { log: daemon.log(place), limit_s: START_LIMIT.as_secs() })
        }
    }
}

async fn says_ready(listener: &UnixDatagram) {
    let mut message = [0; 4096];
    while let Ok(length) = listener.recv(&mut message).await {
        let text = String::from_utf8_lossy(&message[..length]);
        if text.lines().any(|line| line == "READY=1") {
            return;
        }
    }
    // One that cannot be heard is not ready.
    std::future::pending::<()>().await;
}

fn ended(place: &Place, daemon: Daemon) -> NutshellError {
    let log = daemon.log(place);
    let tail = file::read_tail(&log, 2000).unwrap_or_default();
    let lines: Vec<&str> = tail.trim().lines().collect();
    let tail = lines[lines.len().saturating_sub(8)..].join("\n");
    NutshellError::Ended { log, tail }
}
