//! Programs that run once, to an end that is still learned when the process that started them is gone.
//!
//! The rest is the [`keeper`]'s.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::keeper::{self, Care};
use crate::sys::process::{self, ProcessId};
use crate::task::poll;

pub(crate) use super::keeper::Supervised;
pub(crate) use super::record::{Progress, progress};

const THIS_PROGRAM: &str = "/proc/self/exe";

/// Starts a program, and returns once its process is written down.
///
/// # Errors
/// The program or the process beside it cannot be started; the reason is in the file that `stderr` names.
pub(crate) async fn start(wanted: &Supervised) -> io::Result<()> {
    keeper::start(Path::new(THIS_PROGRAM), wanted, Care::UntilItsEnd).await
}

/// Asks the process groups of all running programs of `records` to end,
/// and kills what is left of them after `grace`. Returns when the ends
/// are written down.
pub(crate) async fn terminate(records: Vec<PathBuf>, grace: Duration) {
    let leaders = running(&records);
    leaders.iter().for_each(|leader| process::signal_group(leader.pid, Signal::SIGTERM));
    let all_gone = || !leaders.iter().any(|leader| process::group_is_alive(leader.pid));
    if !poll::holds_within(grace, all_gone).await {
        leaders.iter().for_each(|leader| process::signal_group(leader.pid, Signal::SIGKILL));
        poll::holds_within(grace, all_gone).await;
    }
    poll::holds_within(grace, || running(&records).is_empty()).await;
}

fn running(records: &[PathBuf]) -> Vec<ProcessId> {
    let progress = records.iter().map(|record| progress(record));
    progress
        .filter_map(|progress| if let Progress::Running(process) = progress { Some(process) } else { None })
        .collect()
}
