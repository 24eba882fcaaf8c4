//! Other processes: which they are, whether they live, how they end.

use std::fs;
use std::io;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Names the variable by which the programs of one node of the process cloud are found; an agent passes it on to
/// what it starts. Nodes that are machines do not have it.
pub(crate) const NODE_VARIABLE: &str = "CONPAAS_NODE";

/// How often a process is looked at on a kernel that does not tell of its end.
const LOOK: Duration = Duration::from_millis(20);

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

/// Returns whether a process has ended and is only waited for by its parent. Blocking.
#[must_use]
pub(crate) fn is_zombie(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| stat.is_zombie)
}

/// Waits for the end of a process, whoever its parent is.
pub(crate) async fn ended(process: ProcessId) {
    if let Ok(descriptor) = descriptor(process) {
        // The number may have been used again before the descriptor was there.
        if !process.is_alive() {
            return;
        }
        #[expect(
            deprecated,
            reason = "an owned descriptor stays open and the same, which is all that the new one asks"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE);
        if let Ok(descriptor) = descriptor
            && descriptor.readable().await.is_ok()
        {
            // Takes a child of this process off the list of processes.
            let _has_ended = process.is_alive();
            return;
        }
    }
    while process.is_alive() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits at most `limit` for the end of a process; returns whether it has ended.
pub(crate) async fn ends_within(process: ProcessId, limit: Duration) -> bool {
    tokio::time::timeout(limit, ended(process)).await.is_ok()
}

/// Asks a process to end by `signal`, and kills it when it does not within `limit`; returns whether it has ended.
pub(crate) async fn end(process: ProcessId, signal: Signal, limit: Duration) -> bool {
    for signal in [signal, Signal::SIGKILL] {
        process.signal(signal);
        if ends_within(process, limit).await {
            return true;
        }
    }
    false
}

fn descriptor(process: ProcessId) -> io::Result<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(process.pid).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// All live processes that `roots` started, and that these started, and so on; without `roots`. Blocking.
#[must_use]
pub(crate) fn descendants(roots: &[i32]) -> Vec<ProcessId> {
    let processes: Vec<(i32, Stat)> = all().into_iter().filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let mut family = roots.to_vec();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        at += 1;
        for (pid, stat) in processes.iter().filter(|(pid, stat)| stat.parent == parent && !roots.contains(pid)) {
            family.push(*pid);
            if !stat.is_zombie {
                found.push(ProcessId { pid: *pid, start_ticks: stat.start_ticks });
            }
        }
    }
    found
}

/// The live processes that `parent` started, or was given by the kernel. Blocking.
#[must_use]
pub(crate) fn children(parent: i32) -> Vec<ProcessId> {
    let processes = all().into_iter().filter_map(|pid| Some((pid, stat(pid)?)));
    processes
        .filter(|(_, stat)| stat.parent == parent && !stat.is_zombie)
        .map(|(pid, stat)| ProcessId { pid, start_ticks: stat.start_ticks })
        .collect()
}

/// All live processes of the session that `leader` made, unless its number leads another one by now. Blocking.
#[must_use]
pub(crate) fn session_of(leader: ProcessId) -> Vec<ProcessId> {
    if stat(leader.pid).is_some_and(|stat| stat.start_ticks != leader.start_ticks) {
        return Vec::new();
    }
    let members = all().into_iter().filter_map(|pid| Some((pid, stat(pid)?)));
    members
        .filter(|(_, stat)| stat.session == leader.pid && stat.start_ticks >= leader.start_ticks && !stat.is_zombie)
        .map(|(pid, stat)| ProcessId { pid, start_ticks: stat.start_ticks })
        .collect()
}

/// Returns all processes of which `is_wanted` is true of the content of
/// `/proc/<pid>/<file>` (`cmdline` or `environ`: words ended by NUL), of which 2 MB are looked at.
/// Processes whose file may not be read are left out. Blocking.
#[must_use]
pub fn find(file: &str, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<ProcessId> {
    find_among(all(), file, is_wanted)
}

/// As [`find`], among the processes of this process's user. Those of others are not even looked at: the kernel reads
/// the words out of their memory, and waits for whoever has that locked, such as one of many that fork without end.
#[must_use]
pub(crate) fn find_of_own_user(file: &str, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<ProcessId> {
    let user = nix::unistd::geteuid().as_raw();
    let is_own = |pid: &i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == user);
    find_among(all().into_iter().filter(is_own).collect(), file, is_wanted)
}

fn find_among(pids: Vec<i32>, file: &str, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<ProcessId> {
    let mut content = Vec::new();
    let wanted = pids.into_iter().filter(|pid| {
        content.clear();
        let opened = fs::File::open(format!("/proc/{pid}/{file}"));
        let read = opened.and_then(|opened| opened.take(MAX_WORDS_BYTES).read_to_end(&mut content));
        read.is_ok() && is_wanted(&content)
    });
    wanted.filter_map(ProcessId::of).collect()
}

/// The kernel takes no more arguments and environment than this for a program that is started with the usual stack.
/// A program that was given a larger one decides how much a look at it would read.
const MAX_WORDS_BYTES: u64 = 2 << 20;

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
    parent: i32,
    group: i32,
    session: i32,
    start_ticks: u64,
}

/// Returns the command in parentheses may hold anything, so fields count from the last `)`.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
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

    #[tokio::test]
    async fn the_end_of_a_process_is_waited_for() {
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = ProcessId::of(child.id().cast_signed()).unwrap();
        assert!(!ends_within(process, Duration::from_millis(1)).await);
        drop(child.stdin.take());
        assert!(ends_within(process, Duration::from_secs(20)).await);
        // It was waited for already.
        assert!(child.wait().is_err());
        ended(ProcessId { start_ticks: process.start_ticks + 1, ..process }).await;
    }

    #[test]
    fn children_and_their_children_are_descendants() {
        let script = "sleep 60 & echo started; wait";
        let mut command = std::process::Command::new("sh");
        let mut child = command
            .args(["-c", &format!("sh -c '{script}' & wait")])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = [0; 8];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut started).unwrap();
        let root = ProcessId::of(child.id().cast_signed()).unwrap();
        let found = descendants(&[root.pid]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(kill_all(|| [found.clone(), vec![root]].concat(), Duration::from_secs(5)));
        assert!(descendants(&[root.pid]).is_empty());
        assert!(child.wait().is_err());
    }

    #[tokio::test]
    async fn a_process_that_does_not_listen_is_killed() {
        let script = "trap '' TERM; echo; while :; do read -r line < /dev/zero; done";
        let mut command = std::process::Command::new("sh");
        let mut child = command.args(["-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let process = ProcessId::of(child.id().cast_signed()).unwrap();
        assert!(end(process, Signal::SIGTERM, Duration::from_secs(1)).await);
        assert!(!process.is_alive());
        assert!(child.wait().is_err());
    }
}
