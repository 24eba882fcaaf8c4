//! Nodes as the machine sees them: processes and memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::support::control_groups::groups;
use crate::support::enter::{in_node, mark};
use crate::support::memory;

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// A node of the cloud.
pub(super) struct Node {
    groups: Vec<PathBuf>,
}

impl Node {
    /// Finds a node by the id that managers use.
    pub(super) fn find(cloud: &Path, id: &str) -> anyhow::Result<Node> {
        let number = id.rsplit('-').next().with_context(|| format!("{id} is no id of a node"))?;
        let name = format!("lxc.payload.{}{number}", mark(cloud));
        let mut groups = groups(Path::new(CONTROL_GROUPS), &name);
        groups.retain(|group| group.file_name().is_some_and(|file_name| file_name == name.as_str()));
        Ok(Node { groups })
    }

    /// A shell command in it.
    pub(super) fn command(&self, script: &str) -> anyhow::Result<Command> {
        let lists = self.groups.iter().filter_map(|group| fs::read_to_string(group.join("cgroup.procs")).ok());
        let processes: Vec<i32> =
            lists.flat_map(|list| list.lines().map(str::parse).collect::<Vec<_>>()).flatten().collect();
        let first = processes.into_iter().min().context("the node does not run")?;
        Ok(in_node(first, &self.groups, script))
    }

    /// The memory that its processes have for themselves, in megabytes.
    pub(super) fn megabytes(&self) -> anyhow::Result<f64> {
        megabytes(&self.groups)
    }
}

/// The memory that processes in all nodes of the cloud have for themselves, in megabytes.
pub(super) fn megabytes_of_all(cloud: &Path) -> anyhow::Result<f64> {
    megabytes(&groups(Path::new(CONTROL_GROUPS), &format!("lxc.payload.{}", mark(cloud))))
}

fn megabytes(groups: &[PathBuf]) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for group in groups.iter().filter(|group| group.join("memory.stat").exists()) {
        bytes += memory::of_group(group)?;
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}
