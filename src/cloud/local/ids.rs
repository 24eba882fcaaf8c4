//! Which ids of this machine its nodes have.
//!
//! The kernel counts and separates by the id outside: keys, inotify instances,
//! pipes, message queues. So no two nodes may have an id in common.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::model::{IdMap, IdPool};
use crate::sys::process;

/// Held from looking for a free range until it is recorded: the clouds of one program share a pool.
pub(crate) static ALLOCATION: Mutex<()> = Mutex::new(());

/// What nodes of one cloud get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIds {
    /// Where ranges come from.
    pub pool: IdPool,
    /// How many ids one node has.
    pub size: u32,
    /// State directories of clouds that take ranges from the same machine.
    pub neighbours: Vec<PathBuf>,
}

/// What processes of this machine have as ids of user namespaces, with one process of each. One that has ended and is
/// not waited for has nothing more, but is listed for as long as its parent likes. Blocking.
pub(crate) fn running() -> Vec<(IdMap, i32)> {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).ok();
    let own = namespace("self");
    let mut seen = HashSet::new();
    let mut found: Vec<(IdMap, i32)> = Vec::new();
    for pid in process::all() {
        // Most processes of a machine share its own namespace: their maps need not be read.
        let of_process = namespace(&pid.to_string());
        let is_known = of_process.is_some() && (of_process == own || seen.contains(&of_process));
        if is_known || process::is_zombie(pid) {
            continue;
        }
        seen.insert(of_process);
        for file in ["uid_map", "gid_map"] {
            let table = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            for map in table.lines().filter_map(outside) {
                if !found.iter().any(|(known, _)| *known == map) {
                    found.push((map, pid));
                }
            }
        }
    }
    found
}

/// The ids outside of a line `inside outside count`; none of a map of all ids, as the first namespace has.
fn outside(line: &str) -> Option<IdMap> {
    let mut numbers = line.split_whitespace().skip(1).map(str::parse);
    let (first, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (count != u32::MAX).then_some(IdMap { first, count })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_that_has_ended_has_no_ids() {
        let mut child = Command::new("unshare").args(["--user", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        let space = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).ok();
        // Where user namespaces are refused it ends without one.
        while space(&pid.to_string()) == space("self") && !process::is_zombie(pid) {
            std::thread::yield_now();
        }
        let is_listed = || running().iter().any(|(_, other)| *other == pid);
        // Only root may choose ids that nobody else has.
        let is_mapped = std::fs::write(format!("/proc/{pid}/uid_map"), "0 2000000000 3").is_ok();
        assert_eq!(is_listed(), is_mapped);
        drop(child.stdin.take());
        while !process::is_zombie(pid) {
            std::thread::yield_now();
        }
        assert!(!is_listed(), "it is only waited for");
        child.wait().unwrap();
    }

    #[test]
    fn the_map_of_all_ids_is_nobodys_range() {
        assert_eq!(outside("         0          0 4294967295"), None);
        assert_eq!(outside("0 100000 65536"), Some(IdMap { first: 100_000, count: 65_536 }));
    }
}
