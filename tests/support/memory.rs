//! Memory of processes, as the kernel counts it.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Memory of one process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident, shared pages counted whole.
    pub(crate) rss: u64,
    /// Resident, shared pages divided by the number of processes that share them.
    pub(crate) pss: u64,
}

/// The memory of a process.
pub(crate) fn of(pid: i32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024).with_context(|| format!("{path} has no {name}"))
    };
    Ok(Memory { rss: bytes("Rss:")?, pss: bytes("Pss:")? })
}

/// The memory that processes of a control group have for themselves, in bytes; files that they have read do not count.
pub(crate) fn of_group(group: &Path) -> anyhow::Result<u64> {
    let path = group.join("memory.stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // The first version of control groups has another name for it.
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let bytes = value("anon ").or_else(|| value("total_rss "));
    bytes.with_context(|| format!("{} does not say how much it is", path.display()))
}

/// The one process that runs `role` in a container.
pub(crate) fn only_process(role: &str) -> anyhow::Result<i32> {
    only(role, "/usr/sbin/conpaas")
}

/// The one process of this machine that runs `role` of the program under test.
pub(crate) fn only_child(role: &str) -> anyhow::Result<i32> {
    only(role, env!("CARGO_BIN_EXE_conpaas"))
}

fn only(role: &str, program: &str) -> anyhow::Result<i32> {
    let wanted = format!("{program}\0{role}\0");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if words.starts_with(wanted.as_bytes()) {
            found.push(pid);
        }
    }
    match found.as_slice() {
        [pid] => Ok(*pid),
        _ => bail!("{} processes are a {role} instead of one", found.len()),
    }
}
