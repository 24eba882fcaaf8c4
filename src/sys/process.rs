//! Other processes of this machine, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// A process that can be told from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessId {
    /// The process's number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine booted.
    pub start_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now. Blocking.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = stat(pid)?;
        Some(ProcessId { pid, start_ticks: stat.start_ticks })
    }

    /// This very process. Blocking.
    #[must_use]
    pub fn own() -> Option<Self> {
        ProcessId::of(std::process::id().cast_signed())
    }

    /// Whether it still runs (a zombie does not). Blocking.
    #[must_use]
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.is_dead)
    }

    /// Sends a signal to the process group that it leads; fine if nobody is
    /// left in it. Blocking.
    pub fn signal_group(self, signal: Signal) {
        let _nobody_left = signal::killpg(Pid::from_raw(self.pid), signal);
    }

    /// Whether a live process is left in the group that it led. Blocking.
    #[must_use]
    pub fn group_is_alive(self) -> bool {
        if signal::killpg(Pid::from_raw(self.pid), None) == Err(Errno::ESRCH) {
            return false;
        }
        all().into_iter().any(|pid| stat(pid).is_some_and(|stat| stat.group == self.pid && !stat.is_dead))
    }
}

/// The numbers of all processes that can be seen. Blocking.
#[must_use]
pub fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process holds something open, mapped, or as its place under
/// `directory` (without links in it). Blocking.
#[must_use]
pub fn uses(pid: i32, directory: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let leads_there = |link: PathBuf| fs::read_link(link).is_ok_and(|target| target.starts_with(directory));
    if ["cwd", "root", "exe"].iter().any(|name| leads_there(process.join(name))) {
        return true;
    }
    let entries = |name: &str| fs::read_dir(process.join(name)).into_iter().flatten().flatten();
    entries("fd").chain(entries("map_files")).any(|entry| leads_there(entry.path()))
}

/// Whether `variable` is in the environment that a process was started with. Blocking.
#[must_use]
pub fn has_variable(pid: i32, variable: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes()))
}

/// Kills a process at once; fine if it is not there.
pub fn kill(pid: i32) {
    let _gone_already = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
}

struct Stat {
    is_dead: bool,
    group: i32,
    start_ticks: u64,
}

/// The fields of `/proc/<pid>/stat`; the second one, a name in brackets, may hold anything.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        is_dead: matches!(*fields.first()?, "Z" | "X" | "x"),
        group: fields.get(2)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_with_its_number() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.is_alive());
        assert!(all().contains(&own.pid));
    }

    #[test]
    fn what_a_process_uses_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().canonicalize().unwrap();
        let own = std::process::id().cast_signed();
        assert!(!uses(own, &place));
        let _open = fs::File::create(place.join("f")).unwrap();
        assert!(uses(own, &place));
    }
}
