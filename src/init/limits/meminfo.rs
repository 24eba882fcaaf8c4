//! `/proc/meminfo` of the node, by its own control group.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::cover::{cover, is_covered};

/// What is covered.
pub(crate) const MEMINFO: &str = "/proc/meminfo";

/// Where the node's own groups are.
pub(crate) const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// How old what it says may be. Measured: see `docs/operator.md`.
const LIFETIME: Duration = Duration::from_secs(5);

/// More than any of the files that are read.
const BUFFER_BYTES: usize = 16 << 10;

/// The file that is shown, and what it is made of.
pub(crate) struct Meminfo {
    machine: File,
    group: Group,
    shown: File,
    n_shown: usize,
    due: Instant,
}

/// Limit, use and statistics of the node's memory.
struct Group {
    limit: File,
    usage: File,
    statistics: File,
}

impl Meminfo {
    /// Shows it if the node has a limit.
    pub(crate) fn show() -> io::Result<Option<Meminfo>> {
        let target = Path::new(MEMINFO);
        if is_covered(target)? {
            return Ok(None);
        }
        let Some(group) = Group::open()? else { return Ok(None) };
        let machine = File::open(target)?;
        let Some(text) = text(&group, &machine)? else { return Ok(None) };
        let shown = cover(target, "meminfo", &text)?;
        Ok(Some(Meminfo { machine, group, shown, n_shown: text.len(), due: Instant::now() + LIFETIME }))
    }

    /// When it is too old.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Writes it anew. All lines stay where they were, so nobody reads half of one.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        self.due = Instant::now() + LIFETIME;
        let Some(text) = text(&self.group, &self.machine)? else { return Ok(()) };
        self.shown.write_all_at(text.as_bytes(), 0)?;
        if text.len() < self.n_shown {
            self.shown.set_len(text.len() as u64)?;
        }
        self.n_shown = text.len();
        Ok(())
    }
}

impl Group {
    /// Opens the files of version 1 or 2; none if neither is there, as on a machine of its own.
    fn open() -> io::Result<Option<Group>> {
        let top = Path::new(CONTROL_GROUPS);
        let version_1 = top.join("memory");
        for (directory, limit, usage) in [
            (version_1.as_path(), "memory.limit_in_bytes", "memory.usage_in_bytes"),
            (top, "memory.max", "memory.current"),
        ] {
            let open = |name: &str| File::open(directory.join(name));
            match open(limit) {
                Ok(limit) => {
                    return Ok(Some(Group { limit, usage: open(usage)?, statistics: open("memory.stat")? }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn text(group: &Group, machine: &File) -> io::Result<Option<String>> {
    let (limit, usage) = (read_again(&group.limit)?, read_again(&group.usage)?);
    Ok(of(&limit, &usage, &read_again(&group.statistics)?, &read_again(machine)?))
}

/// Reads a file of the kernel from its beginning: it tells what is now.
fn read_again(file: &File) -> io::Result<String> {
    let mut buffer = [0; BUFFER_BYTES];
    let mut n_read = 0;
    while n_read < buffer.len() {
        match file.read_at(&mut buffer[n_read..], n_read as u64)? {
            0 => break,
            n_more => n_read += n_more,
        }
    }
    Ok(String::from_utf8_lossy(&buffer[..n_read]).into_owned())
}

/// Returns what the machine tells of its memory with the node's numbers; none if the node has no limit, which is `limit`,
/// or one beyond the machine.
///
/// What the kernel does not count for each group is 0. What belongs to the machine only stays: huge pages, addresses.
fn of(limit: &str, usage: &str, statistics: &str, machine: &str) -> Option<String> {
    let limit = limit.trim().parse::<u64>().ok()?;
    let usage = usage.trim().parse::<u64>().ok()?;
    let all = number(machine, "MemTotal:")?;
    let available = number(machine, "MemAvailable:")?;
    if limit / 1024 >= all {
        return None;
    }
    let node = Node { limit, usage, statistics, available: available * 1024 };
    let mut text = String::with_capacity(machine.len());
    for line in machine.lines() {
        let own = line.split_once(':').and_then(|(name, rest)| Some((name, rest.len(), node.bytes(name)?)));
        match own {
            Some((name, width, bytes)) => {
                // As wide as the machine's line.
                let number = bytes / 1024;
                text.push_str(&format!("{name}:{number:>width$} kB", width = width.saturating_sub(3)));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    Some(text)
}

/// All in bytes.
struct Node<'a> {
    limit: u64,
    usage: u64,
    statistics: &'a str,
    /// What the machine has left.
    available: u64,
}

impl Node<'_> {
    /// A line of `/proc/meminfo`, if it tells of something that the node has a part of.
    fn bytes(&self, name: &str) -> Option<u64> {
        Some(match name {
            "MemTotal" => self.limit,
            "MemFree" => self.free(),
            // Limits may come to more than the machine has.
            "MemAvailable" => {
                let reclaimable = self.sum(&["inactive_file", "active_file", "slab_reclaimable"]);
                (self.free() + reclaimable).min(self.limit).min(self.available)
            }
            "Cached" => self.sum(&["cache", "file"]),
            "Active" => self.sum(&["active_anon", "active_file"]),
            "Inactive" => self.sum(&["inactive_anon", "inactive_file"]),
            "Active(anon)" => self.sum(&["active_anon"]),
            "Inactive(anon)" => self.sum(&["inactive_anon"]),
            "Active(file)" => self.sum(&["active_file"]),
            "Inactive(file)" => self.sum(&["inactive_file"]),
            "Unevictable" | "Mlocked" => self.sum(&["unevictable"]),
            "Dirty" => self.sum(&["dirty", "file_dirty"]),
            "Writeback" => self.sum(&["writeback", "file_writeback"]),
            "AnonPages" => self.sum(&["rss", "anon"]),
            "Mapped" => self.sum(&["mapped_file", "file_mapped"]),
            "Shmem" => self.sum(&["shmem"]),
            "KReclaimable" | "SReclaimable" => self.sum(&["slab_reclaimable"]),
            "Slab" => self.sum(&["slab_reclaimable", "slab_unreclaimable"]),
            "SUnreclaim" => self.sum(&["slab_unreclaimable"]),
            "KernelStack" => self.sum(&["kernel_stack"]),
            "PageTables" => self.sum(&["pagetables"]),
            // Nodes have no swap beyond their limit.
            "SwapTotal" | "SwapFree" | "SwapCached" | "Zswap" | "Zswapped" => 0,
            "Buffers" | "SecPageTables" | "NFS_Unstable" | "Bounce" | "WritebackTmp" | "Percpu" => 0,
            "AnonHugePages" | "ShmemHugePages" | "ShmemPmdMapped" | "FileHugePages" | "FilePmdMapped" => 0,
            _ => return None,
        })
    }

    fn free(&self) -> u64 {
        self.limit.saturating_sub(self.usage)
    }

    /// The two versions have other names for the same; where both have one, they mean the same too.
    fn sum(&self, names: &[&str]) -> u64 {
        let of = |name: &str| number(self.statistics, &format!("{name} ")).unwrap_or(0);
        names.iter().map(|name| of(name)).sum()
    }
}

/// The number in the line that begins with `name`.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:     200000 kB\n\
                           Buffers:            4000 kB\nCached:           300000 kB\nSwapTotal:       1000000 kB\n\
                           Hugepagesize:       2048 kB\nHugePages_Total:       0\n";

    #[test]
    fn both_versions_tell_the_same_of_the_same_node() {
        let first = "cache 10485760\nrss 4096\ninactive_file 1048576\nactive_file 2097152\n";
        let second = "anon 4096\nfile 10485760\ninactive_file 1048576\nactive_file 2097152\n";
        let expected = "MemTotal:         131072 kB\nMemFree:          114688 kB\nMemAvailable:     117760 kB\n\
                        Buffers:               0 kB\nCached:            10240 kB\nSwapTotal:             0 kB\n\
                        Hugepagesize:       2048 kB\nHugePages_Total:       0\n";
        for statistics in [first, second] {
            let own = of("134217728\n", "16777216\n", statistics, MACHINE).unwrap();
            assert_eq!(own, expected);
        }
    }

    #[test]
    fn a_node_has_no_more_left_than_the_machine() {
        let own = of("4294967296", "0", "", MACHINE).unwrap();
        assert!(own.contains("MemAvailable:     200000 kB\n"), "{own}");
    }

    #[test]
    fn without_a_limit_nothing_is_shown() {
        for limit in ["max\n", "9223372036854771712\n", "8192000000\n"] {
            assert_eq!(of(limit, "0", "", MACHINE), None);
        }
    }
}
