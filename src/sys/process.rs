//! Other processes: which they are, whether they live, how they end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process for all time: its number and when it started, so that a number
/// used again is never taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// Clock ticks between the machine's start and the process's.
    pub start_ticks: u64,
}

impl ProcessId {
    /// Returns the process that has this number now. Blocking.
    #[must_use]
    pub fn of(pid: i32) -> Option<ProcessId> {
        stat(pid).map(|stat| ProcessId { pid, start_ticks: stat.start_ticks })
    }

    /// This very process. Blocking.
    #[must_use]
    pub fn own() -> Option<ProcessId> {
        ProcessId::of(std::process::id().cast_signed())
    }

    /// Returns whether it still runs; a child of this process that has ended is taken
    /// off the list of processes. Blocking.
    #[must_use]
    pub fn is_alive(self) -> bool {
        match stat(self.pid) {
            Some(stat) if stat.start_ticks == self.start_ticks && stat.is_zombie => {
                let _not_a_child_of_ours = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG));
                false
            }
            Some(stat) => stat.start_ticks == self.start_ticks,
            None => false,
        }
    }

    /// Sends a signal; fine if the process is gone. Blocking.
    pub fn signal(self, signal: Signal) {
        if self.is_alive() {
            let _gone_meanwhile = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Returns all processes of which `is_wanted` is true of the content of
/// `/proc/<pid>/<file>` (`cmdline` or `environ`: words ended by NUL).
/// Processes whose file may not be read are left out. Blocking.
#[must_use]
pub fn find(file: &str, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<ProcessId> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter(|pid| fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|content| is_wanted(&content)))
        .filter_map(ProcessId::of)
        .collect()
}

/// Returns whether a live process is in a process group. Blocking.
#[must_use]
pub fn group_is_alive(group: i32) -> bool {
    if nix::sys::signal::killpg(Pid::from_raw(group), None) == Err(Errno::ESRCH) {
        return false;
    }
    all().into_iter().any(|pid| stat(pid).is_some_and(|stat| stat.group == group && !stat.is_zombie))
}

/// Returns whether a process holds something open, mapped, or as its place under
/// `directory` (whose own path has no links in it). Blocking.
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

/// Returns the numbers of all processes that can be seen. Blocking.
#[must_use]
pub fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Kills `processes()` until none is left or `limit` has passed, and says
/// whether none is left. Asked again each time, because they may fork. Blocking.
#[must_use]
pub fn kill_all(processes: impl Fn() -> Vec<ProcessId>, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let left: Vec<ProcessId> = processes().into_iter().filter(|process| process.is_alive()).collect();
        if left.is_empty() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        for process in left {
            process.signal(Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a whole process group; fine if it is empty. Blocking.
pub fn signal_group(group: i32, signal: Signal) {
    match nix::sys::signal::killpg(Pid::from_raw(group), signal) {
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(errno) => tracing::warn!(group, "cannot signal a process group: {errno}"),
    }
}

struct Stat {
    is_zombie: bool,
    group: i32,
    start_ticks: u64,
}

/// Returns the command in parentheses may hold anything, so fields count from the last `)`.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        group: fields.get(2)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_used_again_is_another_process() {
        let own = ProcessId::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.is_alive());
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

    #[test]
    #[expect(clippy::zombie_processes, reason = "what kills it also waits for it, and the test looks at that")]
    fn a_found_process_is_killed_and_reaped() {
        let mark = crate::sys::random::alphanumeric(20);
        let wanted = |environ: &[u8]| environ.windows(mark.len()).any(|window| window == mark.as_bytes());
        let child = std::process::Command::new("sleep").arg("60").env("MARK", &mark).spawn().unwrap();
        let found = || find("environ", wanted);
        // The kernel tells of a started program before it shows its environment.
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while found().is_empty() && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(found().iter().map(|process| process.pid.unsigned_abs()).collect::<Vec<_>>(), [child.id()]);
        assert!(kill_all(found, Duration::from_secs(5)));
        assert!(found().is_empty());
    }
}
