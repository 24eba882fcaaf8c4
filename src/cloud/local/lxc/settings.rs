//! What a cloud of containers is told, checked before it is used.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use crate::cloud::local::ids::NodeIds;
use crate::cloud::local::inventory::NodeRecord;
use crate::config::{DirectorConfig, LxcConfig};
use crate::model::{CloudName, IdMap, IdPool, Ipv4Network};

/// The smallest disk of a node, in bytes: less has no room for a journal and a program's files.
pub(crate) const SMALLEST_DISK: u64 = 64 << 20;

/// Disk that must be free before a node is made, in bytes.
pub(crate) const NODE_RESERVE: u64 = 64 << 20;

/// What a cloud of containers is told. Checked by [`super::LxcCloud::new`].
#[derive(Debug, Clone)]
pub struct LxcSettings {
    /// Its name in the configuration.
    pub name: CloudName,
    /// Absolute; holds `nodes/` and `volumes/`. Every directory above it must
    /// be open (mode o+x) to the containers' root.
    pub state_directory: PathBuf,
    /// The read-only base of all nodes, as `conpaas image build services` makes it.
    pub root_file_system: PathBuf,
    /// This program's file, bound into every node at `/usr/sbin/conpaas`; its
    /// hidden sub-command starts the containers.
    pub program: PathBuf,
    /// The bridge that all nodes are on; at most 15 letters, digits and `-`.
    pub bridge: String,
    /// The network of the bridge.
    pub network: Ipv4Network,
    /// The bridge's own address: the nodes' gateway, and where they reach the director.
    pub gateway: Ipv4Addr,
    /// First address for nodes.
    pub first_address: Ipv4Addr,
    /// Last address for nodes.
    pub last_address: Ipv4Addr,
    /// Whether root in a node is root outside.
    pub privilege: Privilege,
    /// Where the ids of unprivileged nodes come from.
    pub node_ids: NodeIds,
    /// What one node may use.
    pub limits: Limits,
    /// Whether nodes reach other networks.
    pub nat: Nat,
    /// Whether what nodes send is filtered.
    pub is_filtered: bool,
    /// What nodes reach of this machine.
    pub services: Services,
    /// Where nodes find the director, if it is called by a name.
    pub director: Option<DirectorHost>,
}

/// The director's name, and where nodes find the machine with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorHost {
    /// The host of the director's URL.
    pub name: String,
    /// The way to it.
    pub reach: Reach,
}

/// The way of nodes to the director.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It listens on every address of this machine: that on the bridge is the nearest.
    Gateway,
    /// It listens on one address.
    At(Ipv4Addr),
    /// Something stands before it: where that is, the machine's resolver knows.
    Resolved,
}

impl DirectorHost {
    fn configured(director: &DirectorConfig) -> Option<Self> {
        let url = director.director_url.as_ref()?;
        if url.host().parse::<IpAddr>().is_ok() {
            return None;
        }
        let reach = match director.listen.ip() {
            _ if director.listen.port() != url.port() => Reach::Resolved,
            IpAddr::V4(address) if !address.is_unspecified() => Reach::At(address),
            address if address.is_unspecified() => Reach::Gateway,
            _ => Reach::Resolved,
        };
        Some(DirectorHost { name: url.host().to_owned(), reach })
    }
}

/// The ports of this machine that nodes reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// TCP: the director, DNS, and what the administrator adds.
    pub tcp: BTreeSet<u16>,
    /// UDP: DNS and time.
    pub udp: BTreeSet<u16>,
}

const DNS: u16 = 53;
const TIME: u16 = 123;

impl Services {
    /// A director on its default port, DNS and time.
    #[must_use]
    fn usual() -> Self {
        Services { tcp: BTreeSet::from([DNS, crate::config::DEFAULT_DIRECTOR_PORT]), udp: BTreeSet::from([DNS, TIME]) }
    }

    fn configured(director: &DirectorConfig, config: &LxcConfig) -> Self {
        let url = director.director_url.as_ref().map(crate::config::DirectorUrl::port);
        let tcp = [DNS, director.listen.port()].into_iter().chain(url).chain(config.host_ports.iter().copied());
        let time_ports = director
            .clock
            .node_time_servers
            .iter()
            .filter_map(|server| server.rsplit_once(':').and_then(|(_, port)| port.parse().ok()));
        Services { tcp: tcp.collect(), udp: [DNS, TIME].into_iter().chain(time_ports).collect() }
    }
}

impl LxcSettings {
    /// The usual settings: network 172.16.0.0/24, bridge address .1, nodes
    /// .2 to .254, 65,536 ids a node, no NAT, 512 MB, 512 processes and 2 GB of disk a node.
    #[must_use]
    pub fn usual(name: CloudName, state_directory: PathBuf, root_file_system: PathBuf, program: PathBuf) -> Self {
        LxcSettings {
            name,
            state_directory,
            root_file_system,
            program,
            bridge: "conpaas0".to_owned(),
            network: "172.16.0.0/24".parse().expect("it is a network"),
            gateway: Ipv4Addr::new(172, 16, 0, 1),
            first_address: Ipv4Addr::new(172, 16, 0, 2),
            last_address: Ipv4Addr::new(172, 16, 0, 254),
            privilege: Privilege::Unprivileged(IdMap { first: 100_000, count: 65_536 }),
            node_ids: NodeIds { pool: IdPool::USUAL, size: 65_536, neighbours: Vec::new() },
            limits: Limits {
                memory_bytes: Some(512 << 20),
                cpu_percent: None,
                processes: Some(512),
                disk_bytes: Some(2 << 30),
            },
            nat: Nat::Off,
            is_filtered: true,
            services: Services::usual(),
            director: None,
        }
    }

    /// The settings that `director.cfg` gives one of its clouds; nodes run `program`.
    #[must_use]
    pub fn configured(director: &DirectorConfig, name: &CloudName, config: &LxcConfig, program: PathBuf) -> Self {
        LxcSettings {
            name: name.clone(),
            state_directory: config.state_dir.clone(),
            root_file_system: config.image.clone(),
            program,
            bridge: config.bridge.clone(),
            network: config.network,
            gateway: config.gateway,
            first_address: config.first_address,
            last_address: config.last_address,
            privilege: if config.is_unprivileged {
                Privilege::Unprivileged(IdMap { first: config.id_base, count: config.id_count })
            } else {
                Privilege::Privileged
            },
            node_ids: NodeIds { pool: config.id_pool, size: config.id_count, neighbours: config.neighbours.clone() },
            limits: Limits {
                memory_bytes: config.memory_bytes,
                cpu_percent: config.cpu_percent,
                processes: config.max_pids,
                disk_bytes: config.disk_bytes,
            },
            nat: if config.is_nat { Nat::On } else { Nat::Off },
            is_filtered: config.is_filtered,
            services: Services::configured(director, config),
            director: DirectorHost::configured(director),
        }
    }

    /// # Errors
    /// The first thing that is wrong, in words for the administrator.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong = |text: String| Err(SettingsError(text));
        for (what, path) in [
            ("state directory", &self.state_directory),
            ("root file system", &self.root_file_system),
            ("program", &self.program),
        ] {
            if !is_plain(path) {
                return wrong(format!(
                    "the {what} '{}' must be an absolute path without blanks, ':', ',', '\\' and '..'",
                    path.display()
                ));
            }
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.bridge.is_empty() || self.bridge.len() > 15 || !self.bridge.chars().all(is_name) {
            return wrong(format!(
                "'{}' is not a name for a bridge: use at most 15 letters, digits and '-'",
                self.bridge
            ));
        }
        for (what, host) in
            [("gateway", self.gateway), ("first address", self.first_address), ("last address", self.last_address)]
        {
            if !self.network.contains_host(host) {
                return wrong(format!("the {what} {host} is not in the network {}", self.network));
            }
        }
        if self.first_address > self.last_address || (self.first_address..=self.last_address).contains(&self.gateway) {
            return wrong(format!(
                "the nodes' addresses {} to {} must be in order and leave out the gateway {}",
                self.first_address, self.last_address, self.gateway
            ));
        }
        if let Privilege::Unprivileged(map) = self.privilege
            && (map.first < 65_536 || map.count < 65_536 || map.first.checked_add(map.count).is_none())
        {
            return wrong(format!("ids {}:{} must begin at 65536 or above and be 65536 or more", map.first, map.count));
        }
        if self.node_ids.size < 65_536 || self.node_ids.pool.n_ranges(self.node_ids.size) == 0 {
            let (pool, size) = (self.node_ids.pool.ids(), self.node_ids.size);
            return wrong(format!("ids {pool} for nodes must be enough for one node of {size}, at least 65536"));
        }
        self.limits.check()
    }

    /// The ids of a node outside; none where they are those of the machine.
    pub(crate) fn ids_of(&self, record: &NodeRecord) -> Option<IdMap> {
        match self.privilege {
            Privilege::Unprivileged(of_before) => Some(record.ids.unwrap_or(of_before)),
            Privilege::Privileged => None,
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// Whether root in a node is root outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Ids in nodes are shifted: root in a node is nobody outside. These ids are what volumes hold on disk, and what
    /// a node has that was made when all nodes had the same.
    Unprivileged(IdMap),
    /// Ids are the same inside and outside. Only for programs that need it.
    Privileged,
}

/// What one node may use; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory; there is no swap beyond it.
    pub memory_bytes: Option<u64>,
    /// Percent of one processor: 150 is one and a half.
    pub cpu_percent: Option<u32>,
    /// Processes and threads.
    pub processes: Option<u32>,
    /// What it writes, volumes apart; a small machine gives a quarter of its disk at most.
    pub disk_bytes: Option<u64>,
}

impl Limits {
    /// Returns the same with no less memory than that.
    #[must_use]
    pub(crate) fn with_least_memory(self, least_mb: u64) -> Self {
        Limits { memory_bytes: self.memory_bytes.map(|bytes| bytes.max(least_mb << 20)), ..self }
    }

    fn check(&self) -> Result<(), SettingsError> {
        if self.memory_bytes.is_some_and(|bytes| bytes < 16 << 20) {
            return Err(SettingsError("the memory of a node must be 16 MB or more".to_owned()));
        }
        if self.cpu_percent.is_some_and(|percent| !(1..=100_000).contains(&percent)) {
            return Err(SettingsError("the CPU quota of a node must be 1 percent or more".to_owned()));
        }
        if self.processes.is_some_and(|count| count < 16) {
            return Err(SettingsError("a node needs 16 processes or more".to_owned()));
        }
        if self.disk_bytes.is_some_and(|bytes| bytes < SMALLEST_DISK) {
            return Err(SettingsError("the disk of a node must be 64 MB or more".to_owned()));
        }
        Ok(())
    }
}

/// Whether nodes reach other networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// Nodes answer whoever reaches them, and call nobody outside.
    Off,
    /// The machine forwards, and its address stands for theirs.
    On,
}

/// The paths end up in overlay options and liblxc's configuration, where these characters mean something.
fn is_plain(path: &Path) -> bool {
    let text = path.to_str().unwrap_or("");
    path.is_absolute()
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ':' | ',' | '\\'))
        && !path.components().any(|component| component == std::path::Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> LxcSettings {
        let path = |text: &str| PathBuf::from(text);
        LxcSettings::usual(CloudName::default_cloud(), path("/s"), path("/r"), path("/p"))
    }

    #[test]
    fn the_usual_settings_are_right() {
        assert_eq!(usual().check(), Ok(()));
    }

    #[test]
    fn each_wrong_setting_is_refused_in_words() {
        type Change = fn(&mut LxcSettings);
        let table: [(&str, Change); 8] = [
            ("state directory", |settings| settings.state_directory = "relative".into()),
            ("root file system", |settings| settings.root_file_system = "/a,b".into()),
            ("bridge", |settings| settings.bridge = "a;b".to_owned()),
            ("not in the network", |settings| settings.last_address = Ipv4Addr::new(172, 16, 0, 255)),
            ("leave out the gateway", |settings| settings.first_address = Ipv4Addr::new(172, 16, 0, 1)),
            ("65536", |settings| settings.privilege = Privilege::Unprivileged(IdMap { first: 0, count: 65_536 })),
            ("16 MB", |settings| settings.limits.memory_bytes = Some(1)),
            ("64 MB", |settings| settings.limits.disk_bytes = Some(1)),
        ];
        for (words, change) in table {
            let mut settings = usual();
            change(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
