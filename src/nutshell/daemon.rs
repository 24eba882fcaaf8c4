//! The nutshell's director as a process of its own.
//!
//! It is not kept by [`supervise`](crate::supervise): it ends with the machine's session, is never started again by
//! itself, and says by the protocol of service managers that it is ready.

use std::path::Path;
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

/// The running director.
pub(crate) fn running(place: &Place) -> Option<ProcessId> {
    let text = file::read_text(&place.director_json()).ok()?;
    serde_json::from_str::<ProcessId>(&text).ok().filter(|process| process.is_alive())
}

/// Starts the director, unless it runs, and waits until it says that it is
/// ready, as a service manager would.
pub(crate) async fn ensure_started(place: &Place) -> Result<(), NutshellError> {
    if running(place).is_some() {
        return Ok(());
    }
    let socket = place.directory.join("notify");
    file::ensure_absent(&socket)?;
    let listener = UnixDatagram::bind(&socket).map_err(|source| file::FileError::new("listen on", &socket, source))?;
    let process = {
        let place = place.clone();
        let socket = socket.clone();
        blocking(move || spawn(&place, &socket)).await?
    };
    let outcome = wait_ready(place, &listener, process).await;
    file::ensure_absent(&socket)?;
    if outcome.is_err() {
        stop(place).await?;
    }
    outcome
}

/// Stops the director: asks it, then makes it. Fine if none runs.
pub(crate) async fn stop(place: &Place) -> Result<(), NutshellError> {
    if let Some(process) = running(place)
        && !process::end(process, Signal::SIGTERM, STOP_LIMIT).await
    {
        return Err(NutshellError::Left(format!("the director, process {}", process.pid)));
    }
    Ok(file::ensure_absent(&place.director_json())?)
}

fn spawn(place: &Place, socket: &Path) -> Result<ProcessId, NutshellError> {
    let mut environment = place.environment();
    environment.push(("NOTIFY_SOCKET".into(), socket.into()));
    let log = place.log();
    let pid = start(&Session {
        program: &place.program,
        arguments: &["director".into(), "--config".into(), place.director_cfg().into()],
        environment: &environment,
        stdout: Output::Appended(&log),
        stderr: Output::Appended(&log),
    })?;
    let process = ProcessId::of(pid).ok_or_else(|| ended(place))?;
    let text = serde_json::to_string(&process).expect("two numbers are always JSON");
    file::write_atomic(&place.director_json(), text.as_bytes(), 0o600)?;
    Ok(process)
}

async fn wait_ready(place: &Place, listener: &UnixDatagram, process: ProcessId) -> Result<(), NutshellError> {
    tokio::select! {
        () = says_ready(listener) => Ok(()),
        () = process::ended(process) => Err(ended(place)),
        () = tokio::time::sleep(START_LIMIT) => {
            Err(NutshellError::DirectorSilent { log: place.log(), limit_s: START_LIMIT.as_secs() })
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

fn ended(place: &Place) -> NutshellError {
    let log = place.log();
    let tail = file::read_tail(&log, 2000).unwrap_or_default();
    let lines: Vec<&str> = tail.trim().lines().collect();
    let tail = lines[lines.len().saturating_sub(8)..].join("\n");
    NutshellError::DirectorEnded { log, tail }
}
