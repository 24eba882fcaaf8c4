//! The floor: the services root file system with an agent in it, started by
//! liblxc alone. No director, no limits, no volumes: as little as a container
//! of this image can have, timed until its agent answers over TLS.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use conpaas::config::{AgentConfig, DirectorUrl, NODE_CONFIG_PATH, NodeBase};
use conpaas::model::{ApplicationId, ServiceId, UserId};
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};
use conpaas::sys::tree::{self, Owner};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::product::{Product, RootFileSystem, program};

/// liblxc's name of the container, and of its end of the cable.
pub(crate) const CONTAINER: &str = "conpaas-floor";
const BRIDGE: &str = "floor0";
const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);
const FIRST_ID: u32 = 100_000;
const N_IDS: u32 = 65_536;
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(1);

/// Everything that a bare start needs.
pub(crate) struct Floor {
    directory: PathBuf,
    agent: Credentials,
    config: String,
    client: Client,
    endpoint: Endpoint,
}

/// How long one start took.
pub(crate) struct Run {
    pub(crate) liblxc: Duration,
    pub(crate) answered: Duration,
    pub(crate) processor: Duration,
}

impl Floor {
    /// Makes a bridge, and certificates that agents of the product would have.
    pub(crate) fn new(state: &Path, product: &Product) -> anyhow::Result<Floor> {
        let address = format!("{GATEWAY}/24");
        for words in [
            ["link", "add", BRIDGE, "type", "bridge"].as_slice(),
            ["address", "add", &address, "dev", BRIDGE].as_slice(),
            ["link", "set", BRIDGE, "up"].as_slice(),
        ] {
            let status = Command::new("ip").args(words).status()?;
            ensure!(status.success(), "ip {} failed", words.join(" "));
        }
        let (user, application) = (UserId(1), ApplicationId(1));
        let authority = Authority::load(&product.certificates())?;
        let director = Credentials::load(&product.certificates())?;
        let director_url: DirectorUrl = format!("https://{GATEWAY}:5555").parse().map_err(anyhow::Error::msg)?;
        let config = AgentConfig {
            base: NodeBase::for_agent(user, application, ADDRESS, director_url),
            agent_type: "generic".to_owned(),
            service_id: ServiceId(1),
            manager_ip: GATEWAY,
        };
        Ok(Floor {
            directory: state.join("floor"),
            agent: authority.issue(&Subject::agent(user, application), &[], Lifetime::NODE)?,
            config: config.to_text()?,
            client: Client::new(Some(&director), PeerRule::Agent(user, application))?.with_timeout(LIMIT),
            endpoint: Endpoint { host: ADDRESS.to_string(), port: 5555 },
        })
    }

    /// Starts one, and gives the times until liblxc was through and until its agent answered.
    pub(crate) async fn run(&self, round: usize, used: impl Fn() -> Duration) -> anyhow::Result<Run> {
        let directory = self.directory.join(round.to_string());
        let order = self.prepare(&directory).context("cannot prepare a bare container")?;
        let (began, used_before) = (Instant::now(), used());
        // liblxc forks, so that it is called by a program with one thread.
        let mut helper = tokio::process::Command::new(program());
        helper.arg("lxc-start").arg(order).args([FIRST_ID, N_IDS].map(|number| number.to_string()));
        let mut helper = helper.stdin(Stdio::piped()).spawn()?;
        helper.stdin.take().context("its input is a pipe")?.write_all(b"go\n").await?;
        let status = helper.wait().await?;
        ensure!(status.success(), "liblxc did not start: {}", said(&directory));
        let liblxc = began.elapsed();
        while let Err(error) = self.client.call(&self.endpoint, &RpcCall::get(0, "check_process")).await {
            ensure!(began.elapsed() < LIMIT, "the bare agent does not answer ({error}): {}", said(&directory));
            tokio::time::sleep(LOOK).await;
        }
        let (answered, processor) = (began.elapsed(), used().saturating_sub(used_before));
        clear(&directory)?;
        Ok(Run { liblxc, answered, processor })
    }

    /// Writes what the container is told, and what liblxc is told.
    fn prepare(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        for (name, mode, owner) in [
            ("", 0o711, 0),
            ("lower", 0o700, 0),
            ("root", 0o755, 0),
            ("pivot", 0o711, 0),
            ("disk/upper", 0o755, FIRST_ID),
            ("disk/work", 0o700, FIRST_ID),
        ] {
            let path = directory.join(name);
            fs::create_dir_all(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            chown(&path, Some(owner), Some(owner))?;
        }
        let certificates = Path::new("/etc/cpsagent/certs");
        let [certificate, key, authority] = Credentials::FILES.map(|name| certificates.join(name));
        let base = RootFileSystem::CONTAINERS.path();
        let owner = Owner::Shifted { user_id: FIRST_ID, group_id: FIRST_ID };
        for (path, mode, content) in [
            (Path::new(NODE_CONFIG_PATH), 0o600, &self.config),
            (&authority, 0o644, &self.agent.authority_pem),
            (&key, 0o600, &self.agent.key_pem),
            (&certificate, 0o644, &self.agent.certificate_pem),
        ] {
            tree::write(&directory.join("disk/upper"), path, content.as_bytes(), mode, owner, Some(&base))?;
        }
        let order = directory.join("start.json");
        let content = json!({
            "container": CONTAINER,
            "lxc_path": directory,
            "directory": directory,
            "base": base,
            "program": program(),
            "items": items(directory),
        });
        fs::write(&order, content.to_string())?;
        Ok(order)
    }
}

fn items(directory: &Path) -> Vec<(&'static str, String)> {
    let path = |name: &str| directory.join(name).display().to_string();
    vec![
        ("lxc.log.level", "ERROR".to_owned()),
        ("lxc.log.file", path("lxc.log")),
        ("lxc.rootfs.path", format!("dir:{}", path("root"))),
        ("lxc.rootfs.mount", path("pivot")),
        ("lxc.init.cmd", "/usr/sbin/conpaas init".to_owned()),
        ("lxc.console.logfile", path("console.log")),
        ("lxc.autodev", "1".to_owned()),
        ("lxc.mount.auto", "proc:mixed sys:mixed".to_owned()),
        ("lxc.idmap", format!("u 0 {FIRST_ID} {N_IDS}")),
        ("lxc.idmap", format!("g 0 {FIRST_ID} {N_IDS}")),
        ("lxc.net.0.type", "veth".to_owned()),
        ("lxc.net.0.link", BRIDGE.to_owned()),
        ("lxc.net.0.flags", "up".to_owned()),
        ("lxc.net.0.name", "eth0".to_owned()),
        ("lxc.net.0.veth.pair", CONTAINER.to_owned()),
        ("lxc.net.0.hwaddr", "02:c0:ac:1f:00:02".to_owned()),
        ("lxc.net.0.ipv4.address", format!("{ADDRESS}/24")),
        ("lxc.net.0.ipv4.gateway", GATEWAY.to_string()),
    ]
}

/// Kills the container, waits for its monitor, and removes its files.
fn clear(directory: &Path) -> anyhow::Result<()> {
    let payload = format!("lxc.payload.{CONTAINER}");
    let end = Instant::now() + LIMIT;
    loop {
        let inside = processes(|process| {
            fs::read_to_string(process.join("cgroup")).is_ok_and(|groups| groups.contains(&payload))
        });
        let monitors = processes(|process| {
            let words = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&directory.display().to_string())
        });
        if inside.is_empty() && monitors.is_empty() {
            break;
        }
        ensure!(Instant::now() < end, "the bare container does not end");
        for pid in inside {
            let _ended_already = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(LOOK);
    }
    umount2(&directory.join("root/usr/sbin/conpaas"), MntFlags::MNT_DETACH)?;
    umount2(&directory.join("root"), MntFlags::MNT_DETACH)?;
    Ok(fs::remove_dir_all(directory)?)
}

fn processes(is_wanted: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let own = std::process::id().cast_signed();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    numbered.filter(|(pid, path)| *pid != own && is_wanted(path)).map(|(pid, _)| Pid::from_raw(pid)).collect()
}

/// What liblxc and the container's first process said.
fn said(directory: &Path) -> String {
    ["lxc.log", "console.log"].map(|name| fs::read_to_string(directory.join(name)).unwrap_or_default()).concat()
}
