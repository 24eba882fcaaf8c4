//! Programs that run once, to an end that is still learned when the process that started them is gone.
//!
//! The rest is the [`keeper`]'s.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::keeper::{self, Care};
use super::record::Record;
use crate::sys::blocking;
use crate::sys::process::{self, ProcessId};
use crate::task::poll;

pub(crate) use super::keeper::{Lasts, Supervised};
pub(crate) use super::output::OutputLimits;
pub(crate) use super::record::{Progress, progress};

const THIS_PROGRAM: &str = "/proc/self/exe";

/// Starts a program, and returns once its process is written down.
///
/// # Errors
/// The program or the process beside it cannot be started; the reason is in the file that `stderr` names.
pub(crate) async fn start(wanted: &Supervised, limits: OutputLimits, lasts: Lasts) -> io::Result<()> {
    keeper::start(Path::new(THIS_PROGRAM), wanted, Care { limits, lasts, owner: None }).await
}

/// Returns whether the program of the record at `path` was broken off, so that nobody saw its end: its node
/// stopped, or lost power. Blocking.
pub(crate) fn was_broken_off(path: &Path) -> bool {
    matches!(progress(path), Progress::Ended(_)) && Record::read(path).is_some_and(|record| record.code.is_none())
}

/// Asks all processes of the programs of `records` to end, also those that a program left behind when it
/// ended, and kills what is left of them after `grace`. Returns when the ends are written down.
pub(crate) async fn terminate(records: Vec<PathBuf>, grace: Duration) {
    let found: Vec<Record> = blocking(move || {
        records.iter().filter_map(|record| Record::read(record)).filter(Record::is_of_this_boot).collect()
    })
    .await;
    let family = {
        let found = found.clone();
        move || found.iter().flat_map(Record::family).collect::<Vec<ProcessId>>()
    };
    let asked = blocking(family.clone()).await;
    asked.iter().for_each(|process| process.signal(Signal::SIGTERM));
    if !poll::holds_within(grace, || family().is_empty()).await {
        let all_gone = blocking(move || process::kill_all(family, grace)).await;
        if !all_gone {
            tracing::warn!("processes of scripts are left, although they were killed");
        }
    }
    let keepers = found.iter().map(|record| record.supervisor).collect::<Vec<ProcessId>>();
    poll::holds_within(grace, || !keepers.iter().any(|keeper| keeper.is_alive())).await;
}
