//! Who dies: one process of the director's at a time, at a random moment.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::random::Random;
use crate::support::product::Product;

/// Between two kills, in milliseconds.
const SHORTEST_MS: usize = 100;
const LONGEST_MS: usize = 2000;

/// What dies, by its kind and what its command line begins with.
const VICTIMS: [(&str, &str); 5] = [
    ("manager", "/usr/sbin/conpaas manager "),
    ("agent", "/usr/sbin/conpaas agent "),
    ("helper of a program", "conpaas supervise-program "),
    ("first process of a node", "/usr/sbin/conpaas init "),
    ("monitor of a node", "[lxc monitor] "),
];
const DIRECTOR: &str = "director";

/// Kills `n` times; returns how many of each kind died.
pub(crate) fn kill_at_random(product: &Product, n: usize, random: &mut Random) -> BTreeMap<&'static str, usize> {
    let mut killed = BTreeMap::new();
    while killed.values().sum::<usize>() < n {
        let pause = SHORTEST_MS + random.below(LONGEST_MS - SHORTEST_MS);
        std::thread::sleep(Duration::from_millis(pause as u64));
        let number = random.below(VICTIMS.len() * 2);
        // The director is everybody's, so it dies as often as half of the others together.
        let (kind, pids) = match VICTIMS.get(number) {
            Some((kind, begin)) => (*kind, processes(begin)),
            None if number.is_multiple_of(2) => {
                (DIRECTOR, product.director_pid().into_iter().filter(|pid| is_there(*pid)).collect())
            }
            None => ("helper of the director", processes_with(" lxc-start ")),
        };
        if pids.is_empty() {
            continue;
        }
        let pid = *random.choose(&pids);
        if kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok() {
            *killed.entry(kind).or_default() += 1;
        }
    }
    killed
}

/// Whether a process is there and not only waited for.
pub(crate) fn is_there(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}

fn processes(begin: &str) -> Vec<i32> {
    found(|line| line.starts_with(begin))
}

fn processes_with(part: &str) -> Vec<i32> {
    found(|line| line.contains(part))
}

/// Processes by their command lines. All that are seen here are in the namespace of this attack.
pub(crate) fn found(is_wanted: impl Fn(&str) -> bool) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<i32>().ok()?, entry.path())));
    let mut pids: Vec<i32> = numbered
        .filter(|(_, path)| {
            let words = fs::read(path.join("cmdline")).unwrap_or_default();
            is_wanted(&String::from_utf8_lossy(&words).replace('\0', " "))
        })
        .map(|(pid, _)| pid)
        .collect();
    pids.sort_unstable();
    pids
}
