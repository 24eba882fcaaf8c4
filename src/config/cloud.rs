//! The clouds of a director: `[iaas]` and the sections in `OTHER_CLOUDS`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::ec2::{self, EC2_KEYS, EC2_REQUIRED, Ec2Config};
use super::ini::{Document, Key, Section};
use super::openstack::{self, OPENSTACK_KEYS, OPENSTACK_REQUIRED, OpenStackConfig};
use super::value;
use crate::model::{CloudName, IdPool, Ipv4Network};

/// One cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudConfig {
    /// Its name: the section's.
    pub name: CloudName,
    /// Its sort, and what that sort needs.
    pub driver: DriverConfig,
}

/// A sort of cloud with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverConfig {
    /// Containers on this machine (`DRIVER = lxc`).
    Lxc(LxcConfig),
    /// Child processes of this machine (`DRIVER = process`).
    Process(ProcessConfig),
    /// Instances of EC2 (`DRIVER = ec2`).
    Ec2(Ec2Config),
    /// Servers of OpenStack (`DRIVER = openstack`).
    OpenStack(OpenStackConfig),
}

impl DriverConfig {
    /// Whether a password stands in its section.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        match self {
            DriverConfig::Lxc(_) | DriverConfig::Process(_) => false,
            DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => true,
        }
    }
}

/// Settings of a cloud of containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LxcConfig {
    /// Holds containers and volumes; owned by this cloud alone.
    pub state_dir: PathBuf,
    /// Root file system that all containers share, read only.
    pub image: PathBuf,
    /// The program that containers run; `None` means the running one.
    pub program: Option<PathBuf>,
    /// Name of the bridge that joins the containers.
    pub bridge: String,
    /// Network of the containers.
    pub network: Ipv4Network,
    /// This machine's address on the bridge.
    pub gateway: Ipv4Addr,
    /// Lowest address that a container may get.
    pub first_address: Ipv4Addr,
    /// Highest address that a container may get.
    pub last_address: Ipv4Addr,
    /// Whether root in a container is nobody outside.
    pub is_unprivileged: bool,
    /// First user and group id of what volumes hold on disk, and of containers that were made when all had the same.
    pub id_base: u32,
    /// How many ids a container has.
    pub id_count: u32,
    /// The ids outside that containers get their own from.
    pub id_pool: IdPool,
    /// State directories of the other clouds of containers in the file.
    pub neighbours: Vec<PathBuf>,
    /// Memory of a container in bytes; `None` is no limit.
    pub memory_bytes: Option<u64>,
    /// Share of one processor core in percent; `None` is no limit.
    pub cpu_percent: Option<u32>,
    /// How many processes and threads a container may have; `None` is no limit.
    pub max_pids: Option<u32>,
    /// Disk of a container in bytes; `None` is no limit.
    pub disk_bytes: Option<u64>,
    /// Whether this machine lets the containers reach what it reaches.
    pub is_nat: bool,
    /// Whether what containers send is filtered.
    pub is_filtered: bool,
    /// TCP ports of this machine that containers reach besides the director's.
    pub host_ports: Vec<u16>,
}

/// Settings of a cloud of child processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessConfig {
    /// Holds the nodes' files; owned by this cloud alone.
    pub state_dir: PathBuf,
    /// The program that nodes run; `None` means the running one.
    pub program: Option<PathBuf>,
    /// Part of 127.0.0.0/8 that the nodes listen in, one address each.
    pub network: Ipv4Network,
    /// Port of every manager.
    pub manager_port: u16,
    /// Port of every agent.
    pub agent_port: u16,
    /// How nodes get their context.
    pub context: ContextForm,
}

/// In which form a node gets its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextForm {
    /// As files that are placed before it starts.
    Files,
    /// As an [`Invitation`](super::Invitation): it fetches the files itself.
    Invitation,
}

pub(crate) const LXC_KEYS: &[Key] = &[
    Key::unset("DRIVER"),
    Key::unset("OTHER_CLOUDS"),
    Key::unset("STATE_DIR"),
    Key::new("IMAGE", "/var/lib/conpaas/images/services"),
    Key::unset("PROGRAM"),
    Key::new("BRIDGE", "conpaas0"),
    Key::new("NETWORK", "172.16.0.0/24"),
    Key::unset("GATEWAY"),
    Key::unset("FIRST_ADDRESS"),
    Key::unset("LAST_ADDRESS"),
    Key::new("UNPRIVILEGED", "true"),
    Key::new("ID_BASE", "100000"),
    Key::new("ID_COUNT", "65536"),
    Key::new("ID_POOL", "1879048192-1946157055"),
    Key::new("MEMORY", "256M"),
    Key::new("CPU", "100"),
    Key::new("PIDS", "512"),
    Key::new("DISK", "2G"),
    Key::new("NAT", "false"),
    Key::new("FIREWALL", "true"),
    Key::unset("HOST_PORTS"),
];

pub(crate) const PROCESS_KEYS: &[Key] = &[
    Key::unset("DRIVER"),
    Key::unset("OTHER_CLOUDS"),
    Key::unset("STATE_DIR"),
    Key::unset("PROGRAM"),
    Key::new("NETWORK", "127.77.0.0/24"),
    Key::new("MANAGER_PORT", "10443"),
    Key::new("AGENT_PORT", "10555"),
    Key::new("CONTEXT", "files"),
];

/// Reads `[iaas]` and every section in `OTHER_CLOUDS`; the default cloud comes first.
/// `base` is where clouds without a `STATE_DIR` keep theirs.
pub(crate) fn read_clouds(document: &Document, base: &Path) -> Result<Vec<CloudConfig>, ConfigError> {
    let mut clouds: Vec<CloudConfig> = Vec::new();
    for name in cloud_names(document)? {
        let cloud = CloudConfig { driver: read_driver(document, &name, base)?, name };
        for earlier in &clouds {
            refuse_sharing(document, earlier, &cloud)?;
        }
        clouds.push(cloud);
    }
    introduce(&mut clouds);
    Ok(clouds)
}

/// Tells each cloud of containers where the others have theirs: they may take ids from the same pool.
fn introduce(clouds: &mut [CloudConfig]) {
    let directory = |cloud: &CloudConfig| match &cloud.driver {
        DriverConfig::Lxc(lxc) => Some(lxc.state_dir.clone()),
        _ => None,
    };
    let all: Vec<PathBuf> = clouds.iter().filter_map(directory).collect();
    for cloud in clouds {
        if let DriverConfig::Lxc(lxc) = &mut cloud.driver {
            lxc.neighbours = all.iter().filter(|directory| **directory != lxc.state_dir).cloned().collect();
        }
    }
}

/// `iaas`, and what `OTHER_CLOUDS` lists.
pub(crate) fn cloud_names(document: &Document) -> Result<Vec<CloudName>, ConfigError> {
    let refuse = |problem: String| ConfigError::Key {
        file: document.file().to_owned(),
        section: "iaas".to_owned(),
        key: "OTHER_CLOUDS".to_owned(),
        problem,
    };
    let mut names = vec![CloudName::default_cloud()];
    let others = document.options("iaas").and_then(|options| options.get("OTHER_CLOUDS"));
    for text in others.map(|text| value::list(text)).unwrap_or_default() {
        let name: CloudName = text.parse().map_err(|error: crate::model::NameError| refuse(error.to_string()))?;
        if ["conpaas", "director", "default", "None"].contains(&name.as_str()) || names.contains(&name) {
            return Err(refuse(format!("'{name}' cannot name another cloud: it is taken")));
        }
        if document.options(name.as_str()).is_none() {
            return Err(refuse(format!("there is no section [{name}]")));
        }
        names.push(name);
    }
    Ok(names)
}

fn read_driver(document: &Document, name: &CloudName, base: &Path) -> Result<DriverConfig, ConfigError> {
    let refuse = |problem: String| ConfigError::Cloud { file: document.file().to_owned(), problem };
    let driver = document.options(name.as_str()).and_then(|options| options.get("DRIVER"));
    let driver = driver.map(|driver| driver.to_ascii_lowercase()).unwrap_or_default();
    match driver.as_str() {
        "" => Err(refuse(format!("no DRIVER specified in [{name}] section"))),
        "lxc" => {
            let section = document.section(name.as_str(), LXC_KEYS, |_| false)?;
            read_lxc(&section, state_dir(&section, base, name)?).map(DriverConfig::Lxc)
        }
        "process" => {
            let section = document.section(name.as_str(), PROCESS_KEYS, |_| false)?;
            read_process(&section, state_dir(&section, base, name)?).map(DriverConfig::Process)
        }
        "ec2" => {
            check_required(document, name, "ec2", EC2_REQUIRED)?;
            ec2::read(&document.section(name.as_str(), EC2_KEYS, |_| false)?).map(DriverConfig::Ec2)
        }
        "openstack" => {
            check_required(document, name, "openstack", OPENSTACK_REQUIRED)?;
            let section = document.section(name.as_str(), OPENSTACK_KEYS, |_| false)?;
            openstack::read(&section).map(DriverConfig::OpenStack)
        }
        other => {
            let known = "it has lxc, process, ec2 and openstack";
            Err(refuse(format!("[{name}] DRIVER: this program has no driver '{other}'; {known}")))
        }
    }
}

fn state_dir(section: &Section<'_>, base: &Path, name: &CloudName) -> Result<PathBuf, ConfigError> {
    let given = section.optional("STATE_DIR", value::absolute_path)?;
    Ok(given.unwrap_or_else(|| base.join("clouds").join(name.as_str())))
}

fn read_lxc(section: &Section<'_>, state_dir: PathBuf) -> Result<LxcConfig, ConfigError> {
    let network: Ipv4Network = section.value("NETWORK", value::parsed)?;
    network.check_usable().map_err(|reason| section.refuse("NETWORK", &reason))?;
    let host = |key: &str, default: Ipv4Addr| -> Result<Ipv4Addr, ConfigError> {
        let address = section.optional(key, value::parsed::<Ipv4Addr>)?.unwrap_or(default);
        if network.contains_host(address) {
            return Ok(address);
        }
        Err(section.refuse(key, &format!("{address} is not an address for a host of {network}")))
    };
    let gateway = host("GATEWAY", network.first_host())?;
    let first_address = host("FIRST_ADDRESS", next_host(network.first_host()))?;
    let last_address = host("LAST_ADDRESS", network.last_host())?;
    if first_address > last_address {
        return Err(section.refuse("FIRST_ADDRESS", &format!("{first_address} comes after LAST_ADDRESS")));
    }
    let id_base = section.value("ID_BASE", value::whole(1..=u32::MAX))?;
    let id_count = section.value("ID_COUNT", value::whole(1..=u32::MAX))?;
    if id_base.checked_add(id_count).is_none() {
        return Err(section.refuse("ID_COUNT", "ID_BASE and ID_COUNT go beyond the last id"));
    }
    let id_pool: IdPool = section.value("ID_POOL", value::parsed)?;
    if id_pool.n_ranges(id_count) == 0 {
        return Err(section.refuse("ID_POOL", &format!("{} has less than ID_COUNT ids", id_pool.ids())));
    }
    Ok(LxcConfig {
        state_dir,
        image: section.value("IMAGE", value::absolute_path)?,
        program: section.optional("PROGRAM", value::absolute_path)?,
        bridge: section.value("BRIDGE", interface_name)?,
        network,
        gateway,
        first_address,
        last_address,
        is_unprivileged: section.value("UNPRIVILEGED", value::flag)?,
        id_base,
        id_count,
        id_pool,
        neighbours: Vec::new(),
        memory_bytes: section.optional("MEMORY", value::size_bytes)?,
        cpu_percent: section.optional("CPU", value::whole(1..=100_000))?,
        max_pids: section.optional("PIDS", value::whole(1..=4_194_304))?,
        disk_bytes: section.optional("DISK", value::size_bytes)?,
        is_nat: section.value("NAT", value::flag)?,
        is_filtered: section.value("FIREWALL", value::flag)?,
        host_ports: section.optional("HOST_PORTS", ports)?.unwrap_or_default(),
    })
}

fn read_process(section: &Section<'_>, state_dir: PathBuf) -> Result<ProcessConfig, ConfigError> {
    let network: Ipv4Network = section.value("NETWORK", value::parsed)?;
    if !network.address().is_loopback() {
        return Err(section.refuse("NETWORK", &format!("{network} is not a part of 127.0.0.0/8")));
    }
    Ok(ProcessConfig {
        state_dir,
        program: section.optional("PROGRAM", value::absolute_path)?,
        network,
        manager_port: section.value("MANAGER_PORT", value::port)?,
        agent_port: section.value("AGENT_PORT", value::port)?,
        context: section.value("CONTEXT", context_form)?,
    })
}

/// Misses keys in upstream's words.
fn check_required(document: &Document, name: &CloudName, driver: &str, keys: &[&str]) -> Result<(), ConfigError> {
    let refuse = |problem: String| Err(ConfigError::Cloud { file: document.file().to_owned(), problem });
    let options = document.options(name.as_str());
    for key in keys {
        match options.and_then(|options| options.get(*key)).map(String::as_str) {
            None => return refuse(format!("Missing {driver} config param {key} for {name}")),
            Some("") => return refuse(format!("Empty {driver} config param {key} for {name}")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Two clouds on the same addresses or files would destroy each other's nodes.
fn refuse_sharing(document: &Document, earlier: &CloudConfig, later: &CloudConfig) -> Result<(), ConfigError> {
    let refuse = |key: &str, problem: String| {
        Err(ConfigError::Key {
            file: document.file().to_owned(),
            section: later.name.to_string(),
            key: key.to_owned(),
            problem,
        })
    };
    let (Some(first), Some(own)) = (holdings(&earlier.driver), holdings(&later.driver)) else { return Ok(()) };
    if own.directory.starts_with(first.directory) || first.directory.starts_with(own.directory) {
        return refuse("STATE_DIR", format!("{} overlaps that of [{}]", own.directory.display(), earlier.name));
    }
    if own.network.overlaps(first.network) {
        let network = own.network;
        return refuse("NETWORK", format!("{network} overlaps that of [{}]: give each cloud its own", earlier.name));
    }
    match (own.bridge, first.bridge) {
        (Some(bridge), Some(first)) if bridge == first => {
            refuse("BRIDGE", format!("{bridge} is that of [{}]: give each cloud its own", earlier.name))
        }
        _ => Ok(()),
    }
}

/// What a cloud has of this machine for itself.
struct Holdings<'a> {
    directory: &'a Path,
    network: Ipv4Network,
    bridge: Option<&'a str>,
}

fn holdings(driver: &DriverConfig) -> Option<Holdings<'_>> {
    match driver {
        DriverConfig::Lxc(lxc) => {
            Some(Holdings { directory: &lxc.state_dir, network: lxc.network, bridge: Some(&lxc.bridge) })
        }
        DriverConfig::Process(process) => {
            Some(Holdings { directory: &process.state_dir, network: process.network, bridge: None })
        }
        DriverConfig::Ec2(_) | DriverConfig::OpenStack(_) => None,
    }
}

fn next_host(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() + 1)
}

fn context_form(text: &str) -> Result<ContextForm, String> {
    match text {
        "files" => Ok(ContextForm::Files),
        "invitation" => Ok(ContextForm::Invitation),
        _ => Err(format!("'{text}' is neither 'files' nor 'invitation'")),
    }
}

fn ports(text: &str) -> Result<Vec<u16>, String> {
    value::list(text).iter().map(|port| value::port(port)).collect()
}

/// A network interface: the kernel takes at most 15 bytes.
fn interface_name(text: &str) -> Result<String, String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=15).contains(&text.len()) && text != "." && text != ".." && text.chars().all(is_good) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is not a network interface: at most 15 letters, digits, '-', '_', '.'"))
}
