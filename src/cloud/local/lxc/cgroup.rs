//! Control groups of version 1, of version 2, and of both at once.
//!
//! liblxc makes them; this finds out which there are, and takes away what a
//! killed monitor left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::group_tree::{self, Left};
use crate::sys::file::{self, FileError};
use crate::sys::machine;
use crate::sys::mount::{self, Mount};
use crate::sys::processors::Processors;

/// The hierarchies of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cgroups {
    /// Mount points of version 1 by controller.
    version_1: BTreeMap<String, PathBuf>,
    /// Mount point of version 2.
    version_2: Option<PathBuf>,
    /// Controllers that version 2 has.
    version_2_controllers: Vec<String>,
    /// In every hierarchy, the group below which liblxc makes its own: that of the first process.
    tops: Vec<PathBuf>,
}

/// Which version limits something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `lxc.cgroup.…`
    One,
    /// `lxc.cgroup2.…`
    Two,
}

impl Cgroups {
    /// Looks at what is mounted. Blocking.
    pub(crate) fn of_this_machine() -> Result<Cgroups, FileError> {
        let mounts = mount::all()?;
        let of_first_process = file::read_text(Path::new("/proc/1/cgroup"))?;
        let controllers = |path: &Path| fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
        Ok(Self::plan(&mounts, &of_first_process, controllers))
    }

    fn plan(mounts: &[Mount], of_first_process: &str, controllers: impl Fn(&Path) -> String) -> Cgroups {
        let mut found = Cgroups {
            version_1: BTreeMap::new(),
            version_2: None,
            version_2_controllers: Vec::new(),
            tops: Vec::new(),
        };
        for mount in mounts.iter().filter(|mount| mount.target.starts_with("/sys/fs/cgroup")) {
            let base = match mount.file_system.as_str() {
                "cgroup" => {
                    for controller in mount.super_options.split(',') {
                        found.version_1.insert(controller.to_owned(), mount.target.clone());
                    }
                    base(of_first_process, |named| {
                        named.split(',').any(|name| mount.super_options.split(',').any(|own| own == name))
                    })
                }
                "cgroup2" => {
                    found.version_2_controllers =
                        controllers(&mount.target).split_whitespace().map(str::to_owned).collect();
                    found.version_2 = Some(mount.target.clone());
                    base(of_first_process, str::is_empty)
                }
                _ => continue,
            };
            let top = mount.target.join(base);
            if !found.tops.contains(&top) {
                found.tops.push(top);
            }
        }
        found
    }

    /// Which version has `controller`, if any.
    pub(crate) fn version_of(&self, controller: &str) -> Option<Version> {
        if self.version_1.contains_key(controller) {
            Some(Version::One)
        } else if self.version_2_controllers.iter().any(|known| known == controller) {
            Some(Version::Two)
        } else {
            None
        }
    }

    /// Version 2 confines devices by a program in the kernel, which no list of controllers names.
    pub(crate) fn version_2_for_devices(&self) -> Option<Version> {
        self.version_2.as_ref().map(|_| Version::Two)
    }

    /// Whether a limit on memory can cover swap too. Blocking.
    pub(crate) fn can_limit_swap(&self) -> bool {
        match self.version_of("memory") {
            Some(Version::One) => {
                self.version_1.get("memory").is_some_and(|top| top.join("memory.memsw.limit_in_bytes").exists())
            }
            // The top of version 2 has no such file; any group below it does.
            Some(Version::Two) => self.version_2.as_ref().is_some_and(|top| {
                fs::read_dir(top)
                    .is_ok_and(|groups| groups.flatten().any(|group| group.path().join("memory.swap.max").exists()))
            }),
            None => false,
        }
    }

    /// Returns the processors that containers may have, if they can be confined to some. Blocking.
    pub(crate) fn processors(&self) -> Option<(Version, Processors)> {
        let version = self.version_of("cpuset")?;
        let (hierarchy, file) = match version {
            Version::One => (self.version_1.get("cpuset")?, "cpuset.effective_cpus"),
            Version::Two => (self.version_2.as_ref()?, "cpuset.cpus.effective"),
        };
        let top = self.tops.iter().find(|top| top.starts_with(hierarchy))?;
        let list = fs::read_to_string(top.join(file)).ok()?;
        Some((version, list.parse().ok()?))
    }

    /// Kills what still runs in the container's groups, and removes them. Blocking.
    ///
    /// # Errors
    /// A process cannot be killed (it hangs in the kernel), or a group cannot be removed, in words.
    pub(crate) fn clear(&self, container: &str, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        for kind in ["lxc.payload", "lxc.monitor"] {
            for group in self.groups(kind, container) {
                let left = machine::inside(|| group_tree::remove(&group, end));
                match left.map_err(|error| format!("cannot remove the control groups of {container}: {error}"))? {
                    Left::Nothing => {}
                    Left::Processes => return Err(format!("processes of container {container} do not end")),
                    Left::Groups => return Err(format!("the control group {} cannot be removed", group.display())),
                }
            }
        }
        Ok(())
    }

    /// Lets the container make no control groups below its own, which nothing would bound. Blocking.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn keep_from(&self, container: &str) -> io::Result<()> {
        self.groups("lxc.payload", container).try_for_each(|group| group_tree::keep(&group))
    }

    /// Names of the containers that begin with `prefix` and in which something runs. Blocking.
    pub(crate) fn containers(&self, prefix: &str) -> Vec<String> {
        let below = |top: &PathBuf| fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
        let groups = self.tops.iter().flat_map(below);
        let names =
            groups.filter_map(|group| group.file_name()?.to_str()?.strip_prefix("lxc.payload.").map(str::to_owned));
        let mut found: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        found.sort();
        found.dedup();
        found.retain(|name| self.has_processes(name));
        found
    }

    /// Whether a process runs in the container's own groups. Blocking.
    pub(crate) fn has_processes(&self, container: &str) -> bool {
        self.groups("lxc.payload", container).any(|group| group_tree::has_members(&group))
    }

    fn groups(&self, kind: &str, container: &str) -> impl Iterator<Item = PathBuf> {
        let name = format!("{kind}.{container}");
        self.tops.iter().map(move |top| top.join(&name))
    }
}

/// The first process's group in the hierarchy of `is_wanted`, from lines `number:controllers:/path`.
fn base(of_first_process: &str, is_wanted: impl Fn(&str) -> bool) -> &str {
    let mut lines =
        of_first_process.lines().filter_map(|line| line.splitn(3, ':').skip(1).collect::<Vec<_>>().try_into().ok());
    let path = lines.find_map(|[controllers, path]: [&str; 2]| is_wanted(controllers).then_some(path)).unwrap_or("/");
    // systemd keeps itself in a group of its own, which liblxc leaves out too.
    path.strip_suffix("/init.scope").unwrap_or(path).trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, file_system: &str, super_options: &str) -> Mount {
        Mount {
            device: String::new(),
            target: target.into(),
            file_system: file_system.to_owned(),
            super_options: super_options.to_owned(),
        }
    }

    #[test]
    fn each_controller_is_found_where_it_is() {
        let hybrid =
            [mount("/sys/fs/cgroup/memory", "cgroup", "rw,memory"), mount("/sys/fs/cgroup/unified", "cgroup2", "rw")];
        let found = Cgroups::plan(&hybrid, "4:memory:/a/b\n0::/init.scope\n", |_| "pids".to_owned());
        assert_eq!(found.tops, [Path::new("/sys/fs/cgroup/memory/a/b"), Path::new("/sys/fs/cgroup/unified/")]);
        assert_eq!(found.version_of("memory"), Some(Version::One));
        assert_eq!(found.version_of("pids"), Some(Version::Two));
        assert_eq!(found.version_of("cpu"), None);
        let unified = [mount("/sys/fs/cgroup", "cgroup2", "rw")];
        let found = Cgroups::plan(&unified, "0::/\n", |_| "cpu memory pids\n".to_owned());
        assert_eq!(found.version_of("memory"), Some(Version::Two));
    }
}
