//! The processes of a daemon: waiting for the main one, ending all of them.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::spec::Stop;
use crate::supervise::record::Record;
use crate::sys::blocking;
use crate::sys::process;
use crate::task::poll;

/// How long a keeper may take to write down an end, and to end itself.
const KEEPER_LIMIT: Duration = Duration::from_secs(5);
/// How long killed processes may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Processes that survived `SIGKILL`, as in a file system that hangs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left;

/// Waits until the program of the record has ended, or has lost its keeper.
pub(crate) async fn main_ended(record: &Path) {
    loop {
        let Some(found) = Record::read(record).filter(|found| found.code.is_none() && found.is_of_this_boot()) else {
            return;
        };
        tokio::select! {
            () = process::ended(found.program) => {}
            () = process::ended(found.supervisor) => return,
        }
        // The keeper writes down the end, or who serves in its place.
        let is_written = || {
            let now = Record::read(record);
            now.is_none_or(|now| now.code.is_some() || now.program != found.program) || !found.supervisor.is_alive()
        };
        if !poll::holds_within(KEEPER_LIMIT, is_written).await {
            return;
        }
    }
}

/// Ends all processes of a daemon: asks the main one, then all that are left, and kills what remains after the grace.
///
/// # Errors
/// Some are left.
pub(crate) async fn end(record: &Path, stop: Stop) -> Result<(), Left> {
    let Some(found) = Record::read(record).filter(Record::is_of_this_boot) else { return Ok(()) };
    let began = tokio::time::Instant::now();
    if found.code.is_none() {
        let main = found.program;
        blocking(move || main.signal(stop.signal.signal())).await;
        process::ends_within(main, stop.grace).await;
    }
    let family = {
        let found = found.clone();
        move || found.family()
    };
    let left = blocking(family.clone()).await;
    left.iter().for_each(|process| process.signal(Signal::SIGTERM));
    if !left.is_empty() {
        let rest = stop.grace.saturating_sub(began.elapsed());
        poll::holds_within(rest, || left.iter().all(|process| !process.is_alive())).await;
    }
    if !blocking(move || process::kill_all(family, KILL_LIMIT)).await {
        return Err(Left);
    }
    // It takes what was said at last.
    if !process::ends_within(found.supervisor, KEEPER_LIMIT).await {
        process::end(found.supervisor, Signal::SIGKILL, KEEPER_LIMIT).await;
    }
    Ok(())
}
