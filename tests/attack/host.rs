//! What is the machine's own, and what is left of a tenant on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::support::control_groups::groups;
use crate::support::enter::mark;
use crate::support::product::cloud_directory;

/// Fifty inotify instances at once, and how much a new pipe holds.
const LEFT_FOR_ROOT: &str = "import ctypes, fcntl, os
libc = ctypes.CDLL(None)
print(sum(libc.inotify_init() >= 0 for _ in range(50)), fcntl.fcntl(os.pipe()[0], 1032))";
/// What files may take more: the director's log and database.
const SLACK_MB: u64 = 48;

/// The machine at one moment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Host {
    /// What must stay as it is, each with its name.
    fixed: BTreeMap<&'static str, String>,
    /// What grows with the nodes that there are, and shrinks with them.
    counted: BTreeMap<&'static str, usize>,
    /// Room that the director and its nodes take.
    pub(crate) taken_mb: u64,
}

impl Host {
    /// Looks at the machine, whose director has `state`.
    pub(crate) fn look(state: &Path) -> anyhow::Result<Host> {
        let cloud = cloud_directory(state);
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        let directory = cloud.display().to_string();
        let loops = fs::read_dir("/sys/block")?.flatten().filter(|entry| {
            let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
            file.contains(&directory)
        });
        let names = |path: &str| Ok::<_, anyhow::Error>(fs::read_dir(path)?.flatten().count());
        let nodes = format!("lxc.payload.{}", mark(&cloud));
        // What they are is not asked: the memory of a process that forks may be locked for long.
        let processes = fs::read_dir("/proc")?.flatten().filter(|entry| {
            fs::read_to_string(entry.path().join("cgroup")).is_ok_and(|groups| groups.contains(&nodes))
        });
        Ok(Host {
            fixed: BTreeMap::from([
                ("routes", run("ip", &["route", "show", "default"])?),
                ("IPv6 routes", run("ip", &["-6", "route", "show"])?),
                ("addresses", addresses()?),
                ("root's inotify and pipes", run("python3", &["-c", LEFT_FOR_ROOT])?),
            ]),
            counted: BTreeMap::from([
                ("mounts", table.lines().filter(|line| line.contains(&directory)).count()),
                ("loop devices", loops.count()),
                ("links", names("/sys/class/net")?),
                ("control groups", groups(Path::new("/sys/fs/cgroup"), &mark(&cloud)).len()),
                ("directories of nodes", fs::read_dir(cloud.join("nodes")).map_or(0, Iterator::count)),
                ("processes of nodes", processes.count()),
            ]),
            taken_mb: taken_mb(state)?,
        })
    }

    /// What is not as it was, nodes that come and go apart.
    pub(crate) fn changed_since(&self, before: &Host) -> Vec<String> {
        let differ = self.fixed.iter().filter(|(name, value)| before.fixed.get(*name) != Some(value));
        differ.map(|(name, value)| format!("{name}: {:?} became {value:?}", before.fixed[name])).collect()
    }

    /// The same with what nodes leave.
    pub(crate) fn left_since(&self, before: &Host) -> Vec<String> {
        let mut left = self.changed_since(before);
        for (name, count) in &self.counted {
            if before.counted[name] != *count {
                left.push(format!("{name}: {} became {count}", before.counted[name]));
            }
        }
        if self.taken_mb > before.taken_mb + SLACK_MB {
            left.push(format!("files: {} MB became {} MB", before.taken_mb, self.taken_mb));
        }
        left
    }
}

/// Room that the files of a directory take, in megabytes; what is mounted in it is counted where it lies.
pub(crate) fn taken_mb(directory: &Path) -> anyhow::Result<u64> {
    // A file that goes meanwhile is a complaint, and no matter.
    let output = Command::new("du").args(["-sxm"]).arg(directory).output().context("cannot run du")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).context("du prints no number")
}

/// Addresses of the machine's own links; cables of nodes come and go.
fn addresses() -> anyhow::Result<String> {
    let text = run("ip", &["-oneline", "address", "show"])?;
    let own = text.lines().filter(|line| !line.contains(": cp"));
    // The same without counters of lifetimes.
    Ok(own.map(|line| line.split('\\').next().unwrap_or(line).trim_end().to_owned() + "\n").collect())
}

/// Runs a program that must succeed, and returns what it prints.
pub(crate) fn run(program: &str, words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(words).output().with_context(|| format!("cannot run {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {complaint}", words.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The process that runs `role` in the node of this id.
pub(crate) fn process_of(role: &str, vmid: &str) -> Option<i32> {
    let (wanted, number) = (format!("/usr/sbin/conpaas\0{role}\0"), vmid.strip_prefix('i')?);
    let entries = fs::read_dir("/proc").ok()?.flatten();
    entries.into_iter().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let groups = fs::read_to_string(entry.path().join("cgroup")).ok()?;
        if !groups.lines().any(|line| line.contains("lxc.payload.") && line.contains(number)) {
            return None;
        }
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        words.starts_with(wanted.as_bytes()).then_some(pid)
    })
}
