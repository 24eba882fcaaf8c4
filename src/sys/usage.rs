//! What the programs of a node, or of the whole machine, use: processors, memory, disks.
//!
//! The figures come from control groups, version 2 or 1. A machine of its own has them in `/proc`, and so has whatever
//! the groups do not count.

use std::fs;
use std::path::Path;

/// What is used at one moment. What the kernel does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time of processors since the start, in microseconds.
    pub cpu_us: Option<u64>,
    /// Memory that cannot be given back at once.
    pub memory_bytes: Option<u64>,
    /// The most memory there may be.
    pub memory_limit_bytes: Option<u64>,
    /// Processes and threads.
    pub n_tasks: Option<u64>,
    /// Read from disks since the start.
    pub read_bytes: Option<u64>,
    /// Written to disks since the start.
    pub written_bytes: Option<u64>,
}

/// A tick of `/proc/stat`, in microseconds: 100 a second on every machine of Linux.
const TICK_US: u64 = 10_000;

impl Usage {
    /// Returns what is used now. Blocking.
    pub(crate) fn now() -> Usage {
        Usage::of(Path::new("/sys/fs/cgroup"), Path::new("/proc"))
    }

    fn of(groups: &Path, proc: &Path) -> Usage {
        let group = |name: &str| fs::read_to_string(groups.join(name)).ok();
        let number = |name: &str| group(name)?.trim().parse::<u64>().ok();
        let meminfo = fs::read_to_string(proc.join("meminfo")).unwrap_or_default();
        let machine = |name: &str| field(&meminfo, name, ' ').map(|kilobytes| kilobytes * 1024);
        let cpu_2 = || field(&group("cpu.stat")?, "usage_usec", ' ');
        let cpu_1 = || number("cpuacct/cpuacct.usage").map(|nanoseconds| nanoseconds / 1000);
        let cpu_of_machine = || cpu_of_machine(&fs::read_to_string(proc.join("stat")).ok()?);
        let (io_2, io_1) = (group("io.stat"), group("blkio/blkio.throttle.io_service_bytes"));
        let io = |key_2: &str, word_1: &str| {
            let of_2 = io_2.as_ref().map(|text| sum(text, |line| value_after(line, key_2)));
            of_2.or_else(|| io_1.as_ref().map(|text| sum(text, |line| value_after(line, word_1))))
        };
        let memory_2 = || used(number("memory.current")?, &group("memory.stat")?, "inactive_file");
        let memory_1 =
            || used(number("memory/memory.usage_in_bytes")?, &group("memory/memory.stat")?, "total_inactive_file");
        let of_machine = || Some(machine("MemTotal:")?.saturating_sub(machine("MemAvailable:")?));
        let limit = number("memory.max").or_else(|| number("memory/memory.limit_in_bytes"));
        Usage {
            cpu_us: cpu_2().or_else(cpu_1).or_else(cpu_of_machine),
            memory_bytes: memory_2().or_else(memory_1).or_else(of_machine),
            memory_limit_bytes: limit.into_iter().chain(machine("MemTotal:")).min(),
            n_tasks: number("pids.current").or_else(|| number("pids/pids.current")),
            read_bytes: io("rbytes=", " Read "),
            written_bytes: io("wbytes=", " Write "),
        }
    }
}

/// What is used of memory beside files that the kernel gives up first.
fn used(all: u64, statistics: &str, files: &str) -> Option<u64> {
    Some(all.saturating_sub(field(statistics, files, ' ').unwrap_or_default()))
}

/// Returns the number behind a name at the beginning of a line.
fn field(text: &str, name: &str, between: char) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(between))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn value_after(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(key)?;
    rest.split_whitespace().next()?.parse().ok()
}

fn sum(text: &str, value: impl Fn(&str) -> Option<u64>) -> u64 {
    text.lines().filter_map(value).fold(0, u64::saturating_add)
}

/// All but waiting and idling.
fn cpu_of_machine(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|text| text.parse().ok()).take(8).collect();
    let busy = ticks.iter().enumerate().filter(|(at, _)| ![3, 4].contains(at)).map(|(_, ticks)| ticks);
    Some(busy.fold(0_u64, |all, ticks| all.saturating_add(*ticks)).saturating_mul(TICK_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place
    }

    const MEMINFO: (&str, &str) = ("meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:    600 kB\n");

    #[test]
    fn groups_of_version_2_tell_of_the_node() {
        let groups = place(&[
            ("cpu.stat", "usage_usec 7000\nuser_usec 1\n"),
            ("memory.current", "5000\n"),
            ("memory.stat", "anon 1\ninactive_file 2000\n"),
            ("memory.max", "max\n"),
            ("pids.current", "12\n"),
            ("io.stat", "8:0 rbytes=100 wbytes=30 rios=1\n8:16 rbytes=1 wbytes=2 rios=1\n"),
        ]);
        let wanted = Usage {
            cpu_us: Some(7000),
            memory_bytes: Some(3000),
            memory_limit_bytes: Some(1_024_000),
            n_tasks: Some(12),
            read_bytes: Some(101),
            written_bytes: Some(32),
        };
        assert_eq!(Usage::of(groups.path(), place(&[MEMINFO]).path()), wanted);
    }

    #[test]
    fn groups_of_version_1_tell_the_same() {
        let groups = place(&[
            ("cpuacct/cpuacct.usage", "7000000\n"),
            ("memory/memory.usage_in_bytes", "5000\n"),
            ("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n"),
            ("memory/memory.limit_in_bytes", "900000\n"),
            ("pids/pids.current", "12\n"),
            ("blkio/blkio.throttle.io_service_bytes", "8:0 Read 100\n8:0 Write 30\n8:0 Total 130\nTotal 130\n"),
        ]);
        let found = Usage::of(groups.path(), place(&[MEMINFO]).path());
        assert_eq!(
            (found.cpu_us, found.memory_bytes, found.memory_limit_bytes),
            (Some(7000), Some(3000), Some(900_000))
        );
        assert_eq!((found.n_tasks, found.read_bytes, found.written_bytes), (Some(12), Some(100), Some(30)));
    }

    #[test]
    fn without_groups_the_machine_is_meant_and_what_nobody_tells_is_nothing() {
        let stat = ("stat", "cpu  1 2 3 400 50 6 7 8 9 9\ncpu0 1 1\n");
        let found = Usage::of(place(&[]).path(), place(&[MEMINFO, stat]).path());
        assert_eq!((found.cpu_us, found.memory_bytes), (Some(27 * TICK_US), Some(400 * 1024)));
        assert_eq!((found.n_tasks, found.read_bytes), (None, None));
        assert_eq!(Usage::of(place(&[]).path(), place(&[]).path()), Usage::default());
    }

    #[test]
    fn this_machine_tells_something() {
        let now = Usage::now();
        assert!(now.cpu_us.is_some_and(|us| us > 0) && now.memory_bytes.is_some_and(|bytes| bytes > 0), "{now:?}");
    }
}
