//! What liblxc is told about one container. Pure: computes, does nothing.

use std::path::{Path, PathBuf};

use super::cgroup::Version;
use super::lxcfs::LXCFS;
use super::network::card_address;
use super::settings::{Limits, LxcSettings};
use crate::cloud::local::inventory::NodeRecord;
use crate::model::{IdMap, NodeNeeds};
use crate::sys::processors::Processors;

/// What this machine has; looked up before each start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) memory: Option<Version>,
    pub(crate) can_limit_swap: bool,
    pub(crate) cpu: Option<Version>,
    /// Those that a node can be confined to.
    pub(crate) processors: Option<(Version, Processors)>,
    pub(crate) processes: Option<Version>,
    pub(crate) devices: Option<Version>,
    pub(crate) seccomp_profile: Option<PathBuf>,
    pub(crate) has_apparmor: bool,
    /// What lxcfs has for containers.
    pub(crate) lxcfs: Vec<&'static str>,
    /// The device of FUSE that any node may open, if the kernel has it.
    pub(crate) fuse: Option<PathBuf>,
}

/// The directories of one node.
#[derive(Debug, Clone)]
pub(crate) struct NodePaths(pub(crate) PathBuf);

impl NodePaths {
    /// Where the base is mounted with shifted owners while the overlay is made.
    pub(crate) fn lower(&self) -> PathBuf {
        self.0.join("lower")
    }
    /// Where the node's disk is mounted, or a directory in its place.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk")
    }
    /// The file behind the node's disk.
    pub(crate) fn disk_image(&self) -> PathBuf {
        self.0.join("disk.img")
    }
    /// The same before it is whole.
    pub(crate) fn new_disk_image(&self) -> PathBuf {
        self.0.join("disk.img.new")
    }
    /// What the node has written.
    pub(crate) fn upper(&self) -> PathBuf {
        self.0.join("disk/upper")
    }
    /// The overlay's own scratch directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("disk/work")
    }
    /// The node's root: base and upper together.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }
    /// Mounts under it appear in the running node under [`VOLUMES_INSIDE`].
    pub(crate) fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }
    /// What the hidden sub-command is to do; `ticket` is new for each start.
    pub(crate) fn order(&self, ticket: &str) -> PathBuf {
        self.0.join(format!("{ORDER_PREFIX}{ticket}.json"))
    }
    /// There from the moment in which the node is told to end until nothing of it runs.
    pub(crate) fn ending(&self) -> PathBuf {
        self.0.join("ending")
    }
    /// What the node's first process says.
    pub(crate) fn console(&self) -> PathBuf {
        self.0.join("console.log")
    }
    /// What liblxc says about the last start.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("lxc.log")
    }
}

/// What names of orders begin with.
pub(crate) const ORDER_PREFIX: &str = "start-";

/// Where a volume attached as `sdb` is found in the node: `<this>/sdb`, mounted.
pub(crate) const VOLUMES_INSIDE: &str = "/run/conpaas/volumes";

/// Where the program is found in the node.
pub(crate) const PROGRAM_INSIDE: &str = "usr/sbin/conpaas";

/// Name of the container, its control groups and its end of the cable: unique
/// on this machine, 15 characters at most, as interface names must be.
pub(crate) fn container_name(state_directory: &Path, number: u64) -> String {
    format!("{}{number:08}", container_prefix(state_directory))
}

/// What the names of all containers of a cloud begin with, and those of no other cloud on this machine.
pub(crate) fn container_prefix(state_directory: &Path) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(state_directory.as_os_str().as_encoded_bytes());
    format!("cp{:02x}{:02x}-", hash[0], hash[1])
}

/// The configuration of liblxc for one container, in order.
pub(crate) fn plan_items(
    settings: &LxcSettings,
    record: &NodeRecord,
    needs: NodeNeeds,
    machine: &Machine,
) -> Vec<(String, String)> {
    let paths = NodePaths(settings.state_directory.join("nodes").join(record.tag.as_str()));
    let container = container_name(&settings.state_directory, record.number);
    let mut items = Items(Vec::new());
    items.add("lxc.log.level", "ERROR");
    items.add("lxc.log.file", paths.log().display());
    items.add("lxc.uts.name", host_name(&record.name));
    items.add("lxc.rootfs.path", format_args!("dir:{}", paths.root().display()));
    items.add("lxc.rootfs.mount", settings.state_directory.join("pivot").display());
    items.add("lxc.init.cmd", format_args!("/{PROGRAM_INSIDE} init"));
    items.add("lxc.signal.halt", "SIGTERM");
    items.add("lxc.environment", "container=lxc");
    items.add("lxc.autodev", 1);
    items.add("lxc.tty.max", 0);
    items.add("lxc.pty.max", 256);
    items.add("lxc.console.logfile", paths.console().display());
    items.add("lxc.console.size", "64KB");
    items.add("lxc.console.rotate", 1);
    // With "force" liblxc mounts the control groups itself, where it would leave that to an init of a distribution.
    items.add("lxc.mount.auto", "proc:mixed sys:mixed cgroup:ro:force");
    items.add("lxc.mount.entry", "tmpfs run tmpfs rw,nosuid,nodev,mode=755,size=32m,create=dir 0 0");
    let volumes = paths.volumes();
    items.add(
        "lxc.mount.entry",
        format_args!("{} {} none rbind,rslave,create=dir 0 0", volumes.display(), &VOLUMES_INSIDE[1..]),
    );
    for file in &machine.lxcfs {
        items.add("lxc.mount.entry", format_args!("{LXCFS}/{file} {file} none bind,ro,optional 0 0"));
    }
    let fuse = machine.fuse.as_ref().filter(|_| needs.has_fuse);
    if let Some(fuse) = fuse {
        items.add("lxc.mount.entry", format_args!("{} dev/fuse none bind,create=file 0 0", fuse.display()));
    }
    add_network(&mut items, settings, record, &container);
    add_limits(&mut items, &settings.limits.with_least_memory(needs.memory_mb), machine);
    add_processors(&mut items, &settings.limits, record.number, machine);
    add_confinement(&mut items, settings.ids_of(record), machine);
    if let (None, Some(version), Some(_)) = (settings.ids_of(record), machine.devices, fuse) {
        items.add_cgroup(version, "devices.allow", FUSE);
    }
    items.0
}

struct Items(Vec<(String, String)>);

impl Items {
    fn add(&mut self, key: &str, value: impl std::fmt::Display) {
        self.0.push((key.to_owned(), value.to_string()));
    }

    fn add_cgroup(&mut self, version: Version, key: &str, value: impl std::fmt::Display) {
        let prefix = if version == Version::One { "lxc.cgroup" } else { "lxc.cgroup2" };
        self.add(&format!("{prefix}.{key}"), value);
    }
}

fn add_network(items: &mut Items, settings: &LxcSettings, record: &NodeRecord, container: &str) {
    items.add("lxc.net.0.type", "veth");
    items.add("lxc.net.0.link", &settings.bridge);
    items.add("lxc.net.0.flags", "up");
    items.add("lxc.net.0.name", "eth0");
    items.add("lxc.net.0.veth.pair", container);
    items.add("lxc.net.0.hwaddr", card_address(record.ip));
    items.add("lxc.net.0.ipv4.address", format_args!("{}/{}", record.ip, settings.network.prefix()));
    items.add("lxc.net.0.ipv4.gateway", settings.gateway);
}

fn add_limits(items: &mut Items, limits: &Limits, machine: &Machine) {
    match (limits.memory_bytes, machine.memory) {
        (Some(bytes), Some(Version::One)) => {
            items.add_cgroup(Version::One, "memory.limit_in_bytes", bytes);
            if machine.can_limit_swap {
                items.add_cgroup(Version::One, "memory.memsw.limit_in_bytes", bytes);
            } else {
                items.add_cgroup(Version::One, "memory.swappiness", 0);
            }
        }
        (Some(bytes), Some(Version::Two)) => {
            items.add_cgroup(Version::Two, "memory.max", bytes);
            if machine.can_limit_swap {
                items.add_cgroup(Version::Two, "memory.swap.max", 0);
            }
        }
        _ => {}
    }
    match (limits.cpu_percent, machine.cpu) {
        (Some(percent), Some(Version::One)) => {
            items.add_cgroup(Version::One, "cpu.cfs_period_us", CPU_PERIOD_US);
            items.add_cgroup(Version::One, "cpu.cfs_quota_us", CPU_PERIOD_US / 100 * percent);
        }
        (Some(percent), Some(Version::Two)) => {
            let quota = CPU_PERIOD_US / 100 * percent;
            items.add_cgroup(Version::Two, "cpu.max", format_args!("{quota} {CPU_PERIOD_US}"));
        }
        _ => {}
    }
    if let (Some(processes), Some(version)) = (limits.processes, machine.processes) {
        items.add_cgroup(version, "pids.max", processes);
    }
}

/// Programs do not ask for a quota, but count the processors that they may run on, and start as many threads.
fn add_processors(items: &mut Items, limits: &Limits, number: u64, machine: &Machine) {
    let (Some(percent), Some((version, all))) = (limits.cpu_percent, &machine.processors) else { return };
    let n_wanted = usize::try_from(percent.div_ceil(100)).unwrap_or(usize::MAX);
    if let Some(own) = all.share(n_wanted, number) {
        items.add_cgroup(*version, "cpuset.cpus", own);
    }
}

const CPU_PERIOD_US: u32 = 100_000;

fn add_confinement(items: &mut Items, ids: Option<IdMap>, machine: &Machine) {
    items.add(
        "lxc.cap.drop",
        "sys_module mac_admin mac_override sys_time sys_rawio sys_boot syslog audit_control block_suspend wake_alarm",
    );
    if let Some(profile) = &machine.seccomp_profile {
        items.add("lxc.seccomp.profile", profile.display());
    }
    if machine.has_apparmor {
        // The agent mounts volumes for its user, which liblxc's own profiles forbid.
        items.add("lxc.apparmor.profile", "unconfined");
    }
    match ids {
        Some(map) => {
            items.add("lxc.idmap", format_args!("u 0 {} {}", map.first, map.count));
            items.add("lxc.idmap", format_args!("g 0 {} {}", map.first, map.count));
        }
        None => {
            // A user namespace makes device nodes harmless; without one they must be named.
            let Some(version) = machine.devices else { return };
            items.add_cgroup(version, "devices.deny", "a");
            for device in DEVICES {
                items.add_cgroup(version, "devices.allow", device);
            }
        }
    }
}

/// null, zero, full, random, urandom, tty, console, ptmx and pseudo terminals; any may be made, none else used.
const DEVICES: [&str; 11] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

/// What a privileged node is allowed besides, if its programs mount file systems.
const FUSE: &str = "c 10:229 rwm";

/// What a name may be as a host name: 63 letters, digits and `-`.
pub(crate) fn host_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "node".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::local::lxc::settings::Privilege;
    use crate::model::CloudName;

    fn items(privilege: Privilege, memory: Version, cpu_percent: u32) -> Vec<String> {
        items_of(privilege, memory, cpu_percent, NodeNeeds::default())
    }

    fn items_of(privilege: Privilege, memory: Version, cpu_percent: u32, needs: NodeNeeds) -> Vec<String> {
        let mut settings =
            LxcSettings::usual(CloudName::default_cloud(), "/state".into(), "/base".into(), "/program".into());
        settings.privilege = privilege;
        settings.limits.cpu_percent = Some(cpu_percent);
        let record = serde_json::json!({
            "tag": "t", "number": 12, "vmid": "i-00000012", "ip": "172.16.0.5", "role": "agent", "name": "a b"
        });
        let machine = Machine {
            memory: Some(memory),
            can_limit_swap: true,
            cpu: Some(memory),
            processors: Some((memory, "0-3".parse().unwrap())),
            processes: Some(Version::One),
            devices: Some(Version::One),
            seccomp_profile: None,
            has_apparmor: false,
            lxcfs: vec!["proc/stat"],
            fuse: Some("/state/fuse".into()),
        };
        let items = plan_items(&settings, &serde_json::from_value(record).unwrap(), needs, &machine);
        items.into_iter().map(|(key, value)| format!("{key} = {value}")).collect()
    }

    #[test]
    fn limits_are_set_in_the_version_that_the_machine_has() {
        let map = IdMap { first: 100_000, count: 65_536 };
        let first = items(Privilege::Unprivileged(map), Version::One, 50);
        for line in [
            "lxc.cgroup.memory.limit_in_bytes = 536870912",
            "lxc.cgroup.cpu.cfs_quota_us = 50000",
            "lxc.cgroup.cpuset.cpus = 1",
            "lxc.idmap = g 0 100000 65536",
            "lxc.net.0.ipv4.address = 172.16.0.5/24",
            "lxc.uts.name = a-b",
        ] {
            assert!(first.iter().any(|item| item == line), "{line} in {first:?}");
        }
        let second = items(Privilege::Unprivileged(map), Version::Two, 50);
        assert!(second.iter().any(|item| item == "lxc.cgroup2.cpu.max = 50000 100000"), "{second:?}");
        assert!(second.iter().any(|item| item == "lxc.cgroup2.memory.swap.max = 0"), "{second:?}");
    }

    #[test]
    fn a_node_has_as_many_processors_as_its_quota_needs() {
        let processors = |percent| {
            let items = items(Privilege::Privileged, Version::Two, percent);
            let own = items.iter().find_map(|item| item.strip_prefix("lxc.cgroup2.cpuset.cpus = "));
            own.map(|own| own.split(',').count())
        };
        assert_eq!([1, 100, 101, 300].map(processors), [Some(1), Some(1), Some(2), Some(3)]);
        assert_eq!([301, 400, 100_000].map(processors), [None; 3], "all of them");
    }

    #[test]
    fn files_of_lxcfs_stand_in_for_those_of_the_machine() {
        let entry = "lxc.mount.entry = /var/lib/lxcfs/proc/stat proc/stat none bind,ro,optional 0 0";
        assert!(items(Privilege::Privileged, Version::One, 50).iter().any(|item| item == entry));
    }

    #[test]
    fn a_privileged_node_has_no_device_but_the_harmless_ones() {
        let items = items(Privilege::Privileged, Version::One, 50);
        let denied = items.iter().position(|item| item == "lxc.cgroup.devices.deny = a").unwrap();
        let allowed = items.iter().position(|item| item == "lxc.cgroup.devices.allow = c 1:3 rwm").unwrap();
        assert!(denied < allowed);
        assert!(!items.iter().any(|item| item.starts_with("lxc.idmap")));
    }

    #[test]
    fn a_node_gets_what_its_programs_need() {
        let map = IdMap { first: 100_000, count: 65_536 };
        let entry = "lxc.mount.entry = /state/fuse dev/fuse none bind,create=file 0 0";
        let has = |items: &[String], line: &str| items.iter().any(|item| item == line);
        let needs = NodeNeeds { memory_mb: 768, has_fuse: true };
        let given = items_of(Privilege::Unprivileged(map), Version::Two, 50, needs);
        assert!(has(&given, entry) && has(&given, "lxc.cgroup2.memory.max = 805306368"), "{given:?}");
        assert!(!given.iter().any(|item| item.contains("devices.allow")), "a user namespace has no list of devices");
        assert!(has(
            &items_of(Privilege::Privileged, Version::One, 50, needs),
            "lxc.cgroup.devices.allow = c 10:229 rwm"
        ));
        let least = NodeNeeds { memory_mb: 192, has_fuse: false };
        let given = items_of(Privilege::Unprivileged(map), Version::Two, 50, least);
        assert!(!has(&given, entry) && has(&given, "lxc.cgroup2.memory.max = 536870912"), "{given:?}");
    }

    #[test]
    fn names_of_containers_fit_an_interface() {
        let name = container_name(Path::new("/var/lib/conpaas/clouds/iaas"), 99_999_999);
        assert_eq!(name.len(), 15);
        assert_ne!(name, container_name(Path::new("/elsewhere"), 99_999_999));
    }
}
