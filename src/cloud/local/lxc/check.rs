//! Whether this machine can run containers, and what to do if not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::cgroup::Cgroups;
use super::lxcfs::{self, LXCFS};
use super::plan::NodePaths;
use super::settings::{LxcSettings, Nat, Privilege};
use super::{disk_image, fuse, id_mount, liblxc};
use crate::cloud::local::ids::{self, NodeIds};
use crate::model::{Finding, IdMap, Verdict};
use crate::sys::{blocking, file, machine, program};

/// Everything that was looked at.
pub(crate) async fn findings(settings: Arc<LxcSettings>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.push(root());
    found.push(good(format!("liblxc {}", liblxc::version())));
    let of_machine = Arc::clone(&settings);
    found.extend(
        blocking(move || {
            let mut found = cgroups(&of_machine);
            found.push(base(&of_machine));
            found.push(walkable(&of_machine));
            found.push(disk(&of_machine));
            found.extend(ids_of_nodes(&of_machine));
            found.push(fuse::finding());
            found.push(open_files());
            found.extend(disks_of_nodes(&of_machine));
            found
        })
        .await,
    );
    found.push(program_runs(&settings).await);
    found.extend(shifted_root(&settings).await);
    found.extend(tools(&settings).await);
    found
}

fn root() -> Finding {
    if nix::unistd::geteuid().is_root() {
        good("running as root".to_owned())
    } else {
        bad("not running as root".to_owned(), "run the director as root, or use a cloud with DRIVER = process")
    }
}

fn cgroups(settings: &LxcSettings) -> Vec<Finding> {
    let cgroups = match Cgroups::of_this_machine() {
        Ok(cgroups) => cgroups,
        Err(error) => return vec![bad(format!("control groups: {error}"), "mount /proc")],
    };
    let controller = |name: &str| cgroups.version_of(name).is_some();
    let memory = if controller("memory") {
        good("control group memory: limits work".to_owned())
    } else {
        bad(
            "control group memory is off: nodes would have no memory limit".to_owned(),
            "add 'cgroup_enable=memory' to the line in /boot/firmware/cmdline.txt (or the kernel's command line) and reboot",
        )
    };
    let mut found = vec![memory];
    for name in ["cpu", "pids"] {
        found.push(if controller(name) {
            good(format!("control group {name}: limits work"))
        } else {
            finding(
                Verdict::Warning,
                format!("control group {name} is missing: that limit is not set"),
                "mount cgroup2 on /sys/fs/cgroup",
            )
        });
    }
    if settings.limits.cpu_percent.is_some() {
        found.push(match cgroups.processors() {
            Some((_, all)) => good(format!("control group cpuset: nodes get some of the processors {all}")),
            None => finding(
                Verdict::Warning,
                "control group cpuset is missing: programs in nodes count all processors of this machine".to_owned(),
                "mount cgroup2 on /sys/fs/cgroup",
            ),
        });
    }
    found.extend(by_lxcfs());
    found
}

/// Whose files tell nodes what they have.
fn by_lxcfs() -> Option<Finding> {
    let files = lxcfs::files().ok()?;
    let told_by = if files.is_empty() { "their first process".to_owned() } else { format!("lxcfs in {LXCFS}") };
    Some(good(format!("nodes are told their memory and processors by {told_by}")))
}

fn base(settings: &LxcSettings) -> Finding {
    let base = &settings.root_file_system;
    let wanted = [super::plan::PROGRAM_INSIDE, "bin/sh", "etc/passwd"];
    match wanted.iter().find(|file| !base.join(file).exists()) {
        None => good(format!("root file system {} is there", base.display())),
        Some(missing) => bad(
            format!("root file system {} has no {missing}", base.display()),
            &format!("build it: conpaas image build services --to {}", base.display()),
        ),
    }
}

/// The program is run in the base's own libraries, as it will be in a node.
async fn program_runs(settings: &LxcSettings) -> Finding {
    let base = &settings.root_file_system;
    let text = format!("{} with the libraries of {}", settings.program.display(), base.display());
    // The dynamic loader lists what the program needs without running it.
    let script = "mount --bind \"$1\" \"$2/usr/sbin/conpaas\" && exec chroot \"$2\" /usr/sbin/conpaas --version";
    let arguments = ["--mount", "--propagation", "private", "sh", "-c", script, "sh"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.into_iter().chain([settings.program.as_os_str(), base.as_os_str()]).collect();
    match program::run("unshare", &arguments, Duration::from_secs(20)).await {
        Ok(_) => good(format!("runs {text}")),
        Err(error) => bad(
            format!("cannot run {text}: {}", crate::sys::chain(&error)),
            "build the root file system and the program for the same Debian release and architecture",
        ),
    }
}

/// A node of the first ids is given a root, as it would be at its start.
async fn shifted_root(settings: &LxcSettings) -> Option<Finding> {
    if settings.privilege == Privilege::Privileged {
        return None;
    }
    let NodeIds { pool, size, .. } = &settings.node_ids;
    let ids = IdMap { first: pool.ids().first, count: *size };
    let arguments = id_mount::trial_arguments(&settings.root_file_system, &settings.state_directory, ids);
    let program = settings.program.to_string_lossy();
    Some(match program::run_in_machine(&program, &arguments, Duration::from_secs(20)).await {
        Ok(_) => good("the kernel shifts owners for nodes".to_owned()),
        Err(error) => bad(
            format!("nodes cannot have ids of their own: {}", crate::sys::chain(&error)),
            "use Linux 5.19 or newer with user namespaces, and a file system such as ext4, xfs or btrfs; or set UNPRIVILEGED = false",
        ),
    })
}

fn walkable(settings: &LxcSettings) -> Finding {
    let directory = &settings.state_directory;
    let is_open = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0);
    match directory.ancestors().skip(1).find(|path| !is_open(path)) {
        Some(closed) if settings.privilege != Privilege::Privileged => bad(
            format!("{} is closed to the nodes' root, and {} is in it", closed.display(), directory.display()),
            &format!("chmod o+x {}, or choose a state directory elsewhere", closed.display()),
        ),
        _ => good(format!("state directory {}", directory.display())),
    }
}

fn disk(settings: &LxcSettings) -> Finding {
    match file::free_bytes(&settings.state_directory) {
        Ok(free) if free < 512 << 20 => bad(
            format!("only {} MB are free in {}", free >> 20, settings.state_directory.display()),
            "remove volumes or add disk",
        ),
        Ok(free) => good(format!("{} MB are free in {}", free >> 20, settings.state_directory.display())),
        Err(error) => bad(error.to_string(), "make the state directory"),
    }
}

/// Whether one node that writes all it can leaves room for the others.
fn disks_of_nodes(settings: &LxcSettings) -> Vec<Finding> {
    let Some(wanted) = settings.limits.disk_bytes else {
        let text = "nodes have no limit of disk: one of them can fill the machine's".to_owned();
        return vec![finding(Verdict::Warning, text, "set DISK in the cloud's section, such as DISK = 2G")];
    };
    let mut found = Vec::new();
    if let Ok(size) = disk_image::size_bytes(wanted, &settings.state_directory) {
        found.push(good(format!("each node has a disk of {} MB", size >> 20)));
    }
    if !machine::inside(|| Path::new("/dev/loop-control").exists()).unwrap_or(false) {
        let text = "this machine has no loop devices, which the disks of nodes need".to_owned();
        found.push(bad(text, "load the kernel's module loop, or set DISK to nothing in the cloud's section"));
    }
    let nodes = settings.state_directory.join("nodes");
    let nodes = std::fs::read_dir(nodes).into_iter().flatten().flatten().map(|entry| NodePaths(entry.path()));
    let n_without = nodes.filter(|node| node.upper().exists() && !node.disk_image().exists()).count();
    if n_without > 0 {
        let text = format!("{n_without} nodes have no limit of disk: they were made before there was one");
        let remedy = "stop their applications and start them again, or leave them as they are";
        found.push(finding(Verdict::Warning, text, remedy));
    }
    found
}

/// Ids outside for nodes: enough of them, and in nobody else's hands.
fn ids_of_nodes(settings: &LxcSettings) -> Vec<Finding> {
    if settings.privilege == Privilege::Privileged {
        return vec![finding(
            Verdict::Warning,
            "nodes are privileged: root in a node is root here".to_owned(),
            "use unprivileged nodes unless a program needs this",
        )];
    }
    let NodeIds { pool, size, .. } = &settings.node_ids;
    let n_addresses = settings.last_address.to_bits() - settings.first_address.to_bits() + 1;
    let n_ranges = pool.n_ranges(*size);
    let mut found = owners_of(settings);
    if n_ranges < n_addresses {
        found.push(finding(
            Verdict::Warning,
            format!("the ids {} are enough for {n_ranges} nodes, the addresses for {n_addresses}", pool.ids()),
            "widen ID_POOL",
        ));
    }
    if found.is_empty() {
        found.push(good(format!("ids {} for {n_ranges} nodes", pool.ids())));
    }
    found
}

/// Everybody but our nodes who has ids of the pool.
fn owners_of(settings: &LxcSettings) -> Vec<Finding> {
    let pool = settings.node_ids.pool.ids();
    let mut found = Vec::new();
    let mut taken = |who: String| {
        found.push(finding(
            Verdict::Warning,
            format!("ids of {pool} for nodes are also those of {who}"),
            "set ID_POOL to ids that nobody else has",
        ));
    };
    for path in ["/etc/subuid", "/etc/subgid", "/etc/passwd", "/etc/group"] {
        let text = file::read_text(Path::new(path)).unwrap_or_default();
        let owners: Vec<&str> = text.lines().filter_map(|line| owner_in(path, line, pool)).collect();
        if let Some(first) = owners.first() {
            taken(format!("{first} in {path}"));
        }
    }
    let nodes = settings.state_directory.join("nodes");
    let container = super::plan::container_prefix(&settings.state_directory);
    let is_own = |pid: i32| {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        groups.contains(&container)
    };
    let others = ids::running().into_iter().filter(|(ids, pid)| ids.overlaps(pool) && !is_own(*pid));
    for (_, pid) in others.take(1) {
        taken(format!("process {pid}, which is in no container of {}", nodes.display()));
    }
    found
}

/// Who has ids of `pool` by a line `name:first:count` of `path`, or `name:x:id:…` of the tables of users and groups.
/// Root's grants are for programs such as this one.
fn owner_in<'a>(path: &str, line: &'a str, pool: IdMap) -> Option<&'a str> {
    let words: Vec<&str> = line.trim().split(':').collect();
    let number = |index: usize| words.get(index)?.parse::<u32>().ok();
    let ids = if path.contains("/sub") {
        IdMap { first: number(1)?, count: number(2)? }
    } else {
        IdMap { first: number(2)?, count: 1 }
    };
    let name = *words.first()?;
    (!matches!(name, "root" | "0") && ids.overlaps(pool)).then_some(name)
}

/// What nodes have open counts as their memory, but the machine's table of open files must have room for all of them.
fn open_files() -> Finding {
    const WANTED: u64 = 4 << 20;
    let limit = file::read_text(Path::new("/proc/sys/fs/file-max")).unwrap_or_default();
    match limit.trim().parse::<u64>() {
        Ok(limit) if limit < WANTED => finding(
            Verdict::Warning,
            format!("fs.file-max is {limit}: one node could open all files that the machine can"),
            "echo 'fs.file-max = 9223372036854775807' > /etc/sysctl.d/60-conpaas.conf && sysctl --system",
        ),
        _ => good("open files: bounded by the memory of each node".to_owned()),
    }
}

async fn tools(settings: &LxcSettings) -> Vec<Finding> {
    let mut wanted = vec![
        ("ip", "-V", "iproute2"),
        ("losetup", "-V", "mount"),
        ("mkfs.ext4", "-V", "e2fsprogs"),
        ("e2fsck", "-V", "e2fsprogs"),
    ];
    if settings.nat == Nat::On || settings.is_filtered {
        wanted.push(("nft", "--version", "nftables"));
    }
    let mut found = Vec::new();
    for (tool, argument, package) in wanted {
        found.push(match program::run(tool, &[argument], Duration::from_secs(10)).await {
            Ok(_) => good(format!("{tool} is there")),
            Err(error) => bad(error.to_string(), &format!("apt-get install {package}")),
        });
    }
    found
}

fn good(text: String) -> Finding {
    finding(Verdict::Good, text, "")
}

fn bad(text: String, remedy: &str) -> Finding {
    finding(Verdict::Bad, text, remedy)
}

fn finding(verdict: Verdict, text: String, remedy: &str) -> Finding {
    Finding { verdict, text, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_has_ids_of_the_pool_is_found() {
        let pool = IdMap { first: 1_000_000, count: 65_536 };
        assert_eq!(owner_in("/etc/subuid", "pi:934465:65536", pool), Some("pi"));
        assert_eq!(owner_in("/etc/subuid", "pi:934464:65536", pool), None);
        assert_eq!(owner_in("/etc/subgid", "root:1000000:1000000000", pool), None);
        assert_eq!(owner_in("/etc/passwd", "big:x:1065535:100::/:/bin/sh", pool), Some("big"));
        assert_eq!(owner_in("/etc/group", "wheel:x:1065536:", pool), None);
        assert_eq!(owner_in("/etc/passwd", "", pool), None);
    }
}
