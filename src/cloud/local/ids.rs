//! Which ids of this machine its nodes have.
//!
//! The kernel counts and separates by the id outside: keys, inotify instances,
//! pipes, message queues. So no two nodes may have an id in common.

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

/// What processes of this machine have as ids of user namespaces, with one process of each. Blocking.
pub(crate) fn running() -> Vec<(IdMap, i32)> {
    let mut found: Vec<(IdMap, i32)> = Vec::new();
    for pid in process::all() {
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
    use super::*;

    #[test]
    fn the_map_of_all_ids_is_nobodys_range() {
        assert_eq!(outside("         0          0 4294967295"), None);
        assert_eq!(outside("0 100000 65536"), Some(IdMap { first: 100_000, count: 65_536 }));
    }
}
