//! Processor time of this process, of all that it starts and of its containers: what else the machine does is not in it,
//! so that it is steadier than any time of day.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOP: &str = "/sys/fs/cgroup";
/// As the kernel reads it.
const THIS_PROCESS: &str = "0";
/// Where version 1 counts, and version 2, each with its file.
const COUNTERS: [(&str, &str); 2] = [("cpuacct", "cpuacct.usage"), ("", "cpu.stat")];

/// A control group of this process, and how those of its containers are named.
pub(crate) struct ProcessorTime {
    top: PathBuf,
    file: &'static str,
    own: PathBuf,
    marks: Vec<String>,
}

impl ProcessorTime {
    /// Puts this process into a control group of its own; `marks` are in the names of its containers. `None` where the
    /// kernel does not count, or lets nobody make groups.
    pub(crate) fn count(name: &str, marks: &[&str]) -> Option<ProcessorTime> {
        let (top, file) = COUNTERS
            .iter()
            .map(|(directory, file)| (Path::new(TOP).join(directory), *file))
            .find(|(top, file)| top.join(file).is_file())?;
        let own = top.join(name);
        fs::create_dir_all(&own).ok()?;
        fs::write(own.join("cgroup.procs"), THIS_PROCESS).ok()?;
        Some(ProcessorTime { top, file, own, marks: marks.iter().map(|mark| (*mark).to_owned()).collect() })
    }

    /// Returns what was used until now. Groups that are removed take theirs with them.
    pub(crate) fn used(&self) -> Duration {
        let entries = fs::read_dir(&self.top).into_iter().flatten().flatten();
        let of_containers = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            self.marks.iter().any(|mark| name.contains(mark))
        });
        of_containers.map(|entry| entry.path()).chain([self.own.clone()]).map(|group| self.of(&group)).sum()
    }

    fn of(&self, group: &Path) -> Duration {
        let text = fs::read_to_string(group.join(self.file)).unwrap_or_default();
        let nanoseconds = text.trim().parse().ok();
        let microseconds = || text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
        nanoseconds.map(Duration::from_nanos).or_else(|| microseconds().map(Duration::from_micros)).unwrap_or_default()
    }
}

impl Drop for ProcessorTime {
    fn drop(&mut self) {
        let _stays_until_its_last_process_ends =
            fs::write(self.top.join("cgroup.procs"), THIS_PROCESS).and_then(|()| fs::remove_dir(&self.own));
    }
}
