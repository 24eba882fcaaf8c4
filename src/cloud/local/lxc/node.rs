//! One node: made, started, stopped, cleared away.
//!
//! # If the power fails, or the director is killed, on any line
//! The record is first and goes last, so the node is always listed. Whatever
//! else is there (processes, control groups, mounts, a cable, loop devices) is
//! found by name and cleared before the next start and by the removal.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cgroup::Cgroups;
use super::liblxc;
use super::liblxc::Container;
use super::plan;
use super::plan::{Machine, NodePaths, ORDER_PREFIX, container_name, host_name};
use super::settings::LxcSettings;
use super::start::{self, GO, Order};
use super::{disk, fuse, lxcfs, network, seccomp, volume};
use crate::cloud::local::ids;
use crate::cloud::local::inventory::NodeRecord;
use crate::cloud::{ContextFile, NodeSpec};
use crate::model::IdMap;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::mount::{self, Unmount};
use crate::sys::process::{self, ProcessId};
use crate::sys::program::Begun;
use crate::sys::tree::{self, Owner};
use crate::task::poll::blocking_until;

/// How long a node's first process has to end by itself; ours needs a third of a second.
const CLEAN_STOP: Duration = Duration::from_secs(2);
/// How long killed processes may take to be gone.
const KILL: Duration = Duration::from_secs(10);
/// How long liblxc may take to start a container on a slow, loaded machine.
const START: Duration = Duration::from_secs(60);
/// How long the helper of a start whose director was killed may take to notice that and end.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// One node of a cloud.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) container: String,
    pub(crate) paths: NodePaths,
    lxc_path: PathBuf,
    ids: Option<IdMap>,
}

impl Node {
    pub(crate) fn new(settings: &LxcSettings, record: &NodeRecord) -> Node {
        let lxc_path = settings.state_directory.join("nodes");
        Node {
            container: container_name(&settings.state_directory, record.number),
            paths: NodePaths(lxc_path.join(record.tag.as_str())),
            lxc_path,
            ids: settings.ids_of(record),
        }
    }

    /// Where a volume attached as `device` is mounted.
    pub(crate) fn place(&self, device: &str) -> volume::Place {
        volume::Place { target: self.paths.volumes().join(device), ids: self.ids }
    }

    /// Whether its first process runs, and was not told to end by a director that was killed before it had. Blocking.
    pub(crate) fn is_running(&self) -> bool {
        self.was_prepared()
            && !self.paths.ending().exists()
            && self.open().is_ok_and(|container| container.state() == "RUNNING")
    }

    /// Whether a start was ever tried: if not, there is nothing to clear
    /// before the first, which looking for takes its time. Blocking.
    pub(crate) fn was_prepared(&self) -> bool {
        self.paths.root().exists()
    }

    /// The first process, as seen from outside. Blocking.
    pub(crate) fn init_pid(&self) -> Option<i32> {
        self.open().ok().and_then(|container| container.init_pid())
    }

    /// Begins a start, which waits until everything is prepared; whoever drops it gives it up. Its ids must be free.
    pub(crate) fn begin(&self, program: &Path) -> Result<Start, String> {
        let order = self.paths.order(&crate::sys::random::alphanumeric(8));
        let arguments = start::arguments(&order, self.ids);
        let helper = Begun::in_machine(&program.to_string_lossy(), &arguments).map_err(|error| chain(&error))?;
        Ok(Start { order, helper })
    }

    /// Writes everything a start needs, with the files that the node is told, and its order to `path`. The node must not
    /// run. Blocking.
    pub(crate) fn prepare(
        &self,
        settings: &LxcSettings,
        record: &NodeRecord,
        (spec, context): (&NodeSpec, &[ContextFile]),
        path: &Path,
    ) -> Result<(), String> {
        let words = |error: FileError| chain(&error);
        self.make_directories(settings).map_err(words)?;
        let owner = self.owner();
        let defaults = default_context(settings, record, spec);
        for file in defaults.iter().filter(|default| !context.iter().any(|file| file.path == default.path)) {
            self.write_context(file, owner, &settings.root_file_system).map_err(words)?;
        }
        for file in context {
            self.write_context(file, owner, &settings.root_file_system).map_err(words)?;
        }
        let machine = this_machine(&settings.state_directory).map_err(words)?;
        fuse::check_needs(spec.needs, &machine)?;
        let order = Order {
            container: self.container.clone(),
            lxc_path: self.lxc_path.clone(),
            directory: self.paths.0.clone(),
            base: settings.root_file_system.clone(),
            program: settings.program.clone(),
            items: plan::plan_items(settings, record, spec.needs, &machine),
        };
        let bytes = serde_json::to_vec_pretty(&order).expect("an order holds only texts and numbers");
        fs::write(path, bytes).map_err(|source| words(FileError::new("write", path, source)))
    }

    /// Nothing of this node runs, so who goes on having an id of its own is somebody else. Blocking.
    pub(crate) fn check_ids_are_free(&self, record: &NodeRecord) -> Result<(), String> {
        let Some(own) = record.ids else { return Ok(()) };
        let mut holder = None;
        let mut are_free = || {
            holder = ids::running().into_iter().find(|(other, _)| other.overlaps(own));
            holder.is_none()
        };
        let _else_it_is_named = blocking_until(Duration::from_millis(5), GIVEN_UP, &mut are_free);
        match holder {
            None => Ok(()),
            Some((_, process)) => Err(format!(
                "its ids {own} are those of process {process} too, which is not of this node: \
                 end that process, or remove the node and set another ID_POOL"
            )),
        }
    }

    /// Ends the node: cleanly if it can, by force if it must. Afterwards no
    /// process, control group or mount of it is left. Blocking.
    pub(crate) fn stop(&self) -> Result<(), String> {
        // A start whose director was killed may be about to read its order; one that has read it is found below.
        self.withdraw_orders()?;
        let ending = self.paths.ending();
        // What never was prepared has no directory to write it into. A full disk must not keep nodes from ending.
        if self.was_prepared()
            && let Err(error) = fs::write(&ending, "")
        {
            tracing::warn!(node.container = %self.container, %error, "cannot write down that a node is about to end");
        }
        let container = self.open()?;
        self.wait_until_settled(&container);
        if container.state() != "STOPPED" && !container.shut_down(CLEAN_STOP) {
            tracing::warn!(node.container = %self.container, "a node does not end by itself and is killed");
            container.kill();
        }
        self.clear_processes()?;
        self.clear_mounts()?;
        file::ensure_absent(&ending).map_err(|error| chain(&error))
    }

    /// Removes the node's files; the record is the last of them. Blocking.
    pub(crate) fn remove_files(&self) -> Result<(), String> {
        let directory = &self.paths.0;
        let words = |error: FileError| chain(&error);
        // Deleting through a mount would delete the base, or somebody's volume.
        if let Some(target) = mount::at_or_below(directory).map_err(words)?.first() {
            return Err(format!("{} is still mounted", target.display()));
        }
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|source| words(FileError::new("list", directory, source)))?,
        };
        for entry in entries.flatten().filter(|entry| entry.file_name() != "node.json") {
            file::ensure_absent(&entry.path()).map_err(words)?;
        }
        let lock = Path::new("/run/lxc/lock").join(self.lxc_path.strip_prefix("/").unwrap_or(&self.lxc_path));
        file::ensure_absent(&lock.join(format!(".{}", self.container))).map_err(words)?;
        file::ensure_absent(directory).map_err(words)
    }

    /// Takes away the mounts of the node's root and its disk; volumes are not touched. Blocking.
    fn clear_mounts(&self) -> Result<(), String> {
        for top in [self.paths.root(), self.paths.lower(), self.paths.disk()] {
            for target in mount::at_or_below(&top).map_err(|error| chain(&error))? {
                mount::ensure_unmounted(&target, Unmount::Lazily).map_err(|error| chain(&error))?;
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Container, String> {
        Container::open(&self.container, &self.lxc_path).map_err(|error| error.to_string())
    }

    /// A start or a stop may be under way in a monitor whose director was killed.
    fn wait_until_settled(&self, container: &Container) {
        let is_settled = || matches!(container.state().as_str(), "STOPPED" | "RUNNING" | "FROZEN");
        let _else_it_is_killed = blocking_until(Duration::from_millis(5), CLEAN_STOP, is_settled);
    }

    fn clear_processes(&self) -> Result<(), String> {
        let cgroups = Cgroups::of_this_machine().map_err(|error| chain(&error))?;
        let monitors = self.monitors();
        // After the last process of the container its monitor removes the control groups and the cable, then ends.
        let _else_they_are_killed = blocking_until(Duration::from_millis(1), CLEAN_STOP, || {
            !monitors.iter().any(|monitor| monitor.is_alive()) || cgroups.has_processes(&self.container)
        });
        // Monitors first: without them nothing new gets into the control groups.
        if !process::kill_all(|| self.monitors(), KILL) {
            return Err(format!("the monitor of container {} does not end", self.container));
        }
        cgroups.clear(&self.container, KILL)
    }

    fn withdraw_orders(&self) -> Result<(), String> {
        for entry in fs::read_dir(&self.paths.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(ORDER_PREFIX) {
                file::ensure_absent(&entry.path()).map_err(|error| chain(&error))?;
            }
        }
        Ok(())
    }

    /// Monitors of this container, and starts of it that are under way. A
    /// monitor renames itself where it may; else it still shows our order.
    fn monitors(&self) -> Vec<ProcessId> {
        let order = self.paths.0.join(ORDER_PREFIX);
        let title = format!("[lxc monitor] {} {}", self.lxc_path.display(), self.container);
        process::find_of_own_user("cmdline", |words| {
            let mut words = words.split(|byte| *byte == 0);
            words.any(|word| word.starts_with(order.as_os_str().as_encoded_bytes()) || word == title.as_bytes())
        })
    }

    /// The node's root must be able to walk to its own directories, and nobody else.
    fn make_directories(&self, settings: &LxcSettings) -> Result<(), FileError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| FileError::new("make", &path, source)
        };
        let pivot = settings.state_directory.join("pivot");
        for path in [&settings.state_directory, &self.lxc_path, &pivot] {
            file::ensure_passable_directory(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o711)).map_err(fail(path))?;
        }
        let first = self.first_id();
        let base_mode = fs::metadata(&settings.root_file_system).map_err(fail(&settings.root_file_system))?;
        let base_mode = base_mode.permissions().mode() & 0o7777;
        let disk = self.paths.disk();
        for (path, mode, owner) in [
            (&self.paths.0, 0o710, (0, first)),
            (&disk, 0o700, (0, 0)),
            (&self.paths.upper(), base_mode, (first, first)),
            (&self.paths.work(), 0o700, (first, first)),
            (&self.paths.lower(), 0o700, (0, 0)),
            (&self.paths.root(), 0o755, (0, 0)),
            (&self.paths.volumes(), 0o755, (0, 0)),
        ] {
            file::ensure_directory(path)?;
            chown(path, Some(owner.0), Some(owner.1)).map_err(fail(path))?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail(path))?;
        }
        mount::ensure_shared(&self.paths.volumes())
    }

    /// What root in the node is outside.
    fn first_id(&self) -> u32 {
        self.ids.map_or(0, |ids| ids.first)
    }

    fn owner(&self) -> Owner {
        Owner::Shifted { user_id: self.first_id(), group_id: self.first_id() }
    }

    fn write_context(&self, file: &ContextFile, owner: Owner, base: &Path) -> Result<(), FileError> {
        tree::write(&self.paths.upper(), &file.path, &file.content, file.mode, owner, Some(base))
    }
}

/// A start that was begun.
pub(crate) struct Start {
    /// Where its order is to be written.
    pub(crate) order: PathBuf,
    helper: Begun,
}

impl Start {
    /// Starts what was prepared.
    pub(crate) async fn finish(self) -> Result<(), String> {
        self.helper.finish(GO, START).await.map(drop).map_err(|error| chain(&error))
    }
}

/// Returns the containers of this state directory that run: by their control
/// groups, since nothing else of them may be left. Blocking.
pub(crate) fn running(settings: &LxcSettings) -> Result<Vec<String>, String> {
    let name = container_name(&settings.state_directory, 0);
    let prefix = &name[..=name.find('-').unwrap_or_default()];
    Ok(Cgroups::of_this_machine().map_err(|error| chain(&error))?.containers(prefix))
}

/// Ends those of `running` that none of `records` names. Returns their names. Blocking.
pub(crate) fn end_strays(
    settings: &LxcSettings,
    running: Vec<String>,
    records: &[NodeRecord],
) -> Result<Vec<String>, String> {
    let own: Vec<String> =
        records.iter().map(|record| container_name(&settings.state_directory, record.number)).collect();
    let cgroups = Cgroups::of_this_machine().map_err(|error| chain(&error))?;
    let mut strays = running;
    strays.retain(|container| !own.contains(container));
    let lxc_path = settings.state_directory.join("nodes");
    for container in &strays {
        // Its monitor first: without it nothing new gets into the control groups.
        let title = format!("[lxc monitor] {} {container}", lxc_path.display());
        let monitors = || {
            process::find_of_own_user("cmdline", |words| {
                words.split(|byte| *byte == 0).any(|word| word == title.as_bytes())
            })
        };
        if !process::kill_all(monitors, KILL) {
            return Err(format!("the monitor of container {container} does not end"));
        }
        cgroups.clear(container, KILL)?;
    }
    Ok(strays)
}

/// Stops and removes all of a node but its volumes, which are put away.
pub(crate) async fn remove(settings: &LxcSettings, record: &NodeRecord) -> Result<(), String> {
    let node = Node::new(settings, record);
    let stopping = node.clone();
    crate::sys::blocking(move || stopping.stop()).await?;
    network::remove_cable(&node.container).await?;
    volume::clear_mounts(&node.paths).await?;
    disk::release(&node.paths).await?;
    crate::sys::blocking(move || node.remove_files()).await
}

/// Looks up what this machine has. Blocking.
fn this_machine(state_directory: &Path) -> Result<Machine, FileError> {
    let cgroups = Cgroups::of_this_machine()?;
    let apparmor = fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    Ok(Machine {
        memory: cgroups.version_of("memory"),
        can_limit_swap: cgroups.can_limit_swap(),
        cpu: cgroups.version_of("cpu"),
        processors: cgroups.processors(),
        processes: cgroups.version_of("pids"),
        devices: cgroups.version_of("devices").or(cgroups.version_2_for_devices()),
        seccomp_profile: seccomp::ensure_profile(state_directory)?,
        has_apparmor: apparmor.trim() == "Y" && liblxc::knows("lxc.apparmor.profile"),
        lxcfs: lxcfs::files()?,
        fuse: fuse::device(state_directory),
    })
}

/// What every node is told unless its own context says otherwise.
fn default_context(settings: &LxcSettings, record: &NodeRecord, spec: &NodeSpec) -> Vec<ContextFile> {
    let name = host_name(&spec.name);
    let text =
        |path: &str, content: String| ContextFile { path: path.into(), mode: 0o644, content: content.into_bytes() };
    vec![
        text("/etc/hostname", format!("{name}\n")),
        text("/etc/hosts", network::hosts(settings, &name, record.ip)),
        text("/etc/resolv.conf", network::resolver(settings)),
    ]
}
