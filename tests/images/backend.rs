//! The backend of compute nodes: a real OpenStack, in whose box this process
//! runs. There it listens to itself alone; here it is given the address that
//! a backend has in the plan of the images.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::card::companion;
use crate::network::{BACKEND_ADDRESS, openstack};

/// What compute nodes ask of a backend: keystone, the message queue, placement, servers, volumes, images, networks.
const PORTS: [u16; 7] = [5000, 5672, 8778, 8774, 8776, 9292, 9696];
/// Where the database listens, which is behind a socket there.
const DATABASE_PORT: u16 = 3306;
const DATABASE: &str = "/run/mysqld/mysqld.sock";
/// The region whose catalog names the services at the backend's address.
const REGION: &str = "boards";

/// The backend at its address. Dropped, the address leads nowhere.
pub(crate) struct Backend {
    password: String,
    access: BTreeMap<String, String>,
    /// The process of the box that sees its files.
    box_process: String,
    /// What serves its address: a forwarder for each port, and chronyd.
    helpers: Vec<Child>,
}

impl Backend {
    /// Tells the OpenStack its address, a region in which it is known by it, and a time server, which has its files in
    /// `work`.
    pub(crate) fn open(work: &Path) -> anyhow::Result<Self> {
        let directory = openstack().context("there is no OpenStack here")?;
        let read = |name: &str| -> anyhow::Result<String> {
            let path: PathBuf = directory.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
        };
        let access = read("access-admin")?;
        let pairs = access.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let box_process = read("run/box")?.split(' ').next().unwrap_or_default().to_owned();
        let mut backend = Backend {
            password: read("password")?.trim().to_owned(),
            access: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            box_process,
            helpers: Vec::new(),
        };
        backend.serve_time(work)?;
        for port in PORTS {
            backend.forward(port, &format!("TCP:127.0.0.1:{port}"))?;
        }
        let socket = format!("/proc/{}/root{DATABASE}", backend.box_process);
        backend.forward(DATABASE_PORT, &format!("UNIX-CONNECT:{socket}"))?;
        backend.name_region()?;
        Ok(backend)
    }

    /// What its operator writes on a card.
    pub(crate) fn settings(&self) -> String {
        let password = &self.password;
        let mut lines =
            vec![format!("REGION={REGION}"), "RABBIT_USER=guest".to_owned(), "RABBIT_PASSWORD=guest".to_owned()];
        for service in ["NOVA", "PLACEMENT", "NEUTRON", "CINDER"] {
            lines.push(format!("{service}_USER=services"));
            lines.push(format!("{service}_PASSWORD={password}"));
        }
        lines.push("CINDER_DB_USER=openstack".to_owned());
        lines.push(format!("CINDER_DB_PASSWORD={password}"));
        lines.join("\n")
    }

    /// Waits until OpenStack's own client lists a row of `words` that says `expected`, and gives it.
    pub(crate) fn wait_for_row(
        &self,
        words: &[&str],
        expected: &[(&str, &str)],
        limit: Duration,
    ) -> anyhow::Result<Value> {
        let end = Instant::now() + limit;
        loop {
            let rows: Vec<Value> = serde_json::from_str(&self.client(&[words, &["-f", "json"]].concat())?)?;
            let is_so = |row: &&Value| expected.iter().all(|(key, value)| shown(&row[*key]) == *value);
            if let Some(row) = rows.iter().find(is_so) {
                return Ok(row.clone());
            }
            if Instant::now() > end {
                bail!("openstack {}: no row has {expected:?} after {} s: {rows:?}", words.join(" "), limit.as_secs());
            }
            std::thread::park_timeout(Duration::from_secs(2));
        }
    }

    /// OpenStack's own client, as its administrator.
    pub(crate) fn client(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("openstack")
            .args(words)
            .envs(&self.access)
            .stdin(Stdio::null())
            .output()
            .context("python3-openstackclient has openstack")?;
        if !output.status.success() {
            bail!("openstack {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn forward(&mut self, port: u16, target: &str) -> anyhow::Result<()> {
        let listen = format!("TCP-LISTEN:{port},bind={BACKEND_ADDRESS},reuseaddr,fork");
        self.keep(companion("socat").args([&listen, target]))
    }

    /// Starts a helper, in a process group of its own: a forwarder has a process for each connection.
    fn keep(&mut self, helper: &mut Command) -> anyhow::Result<()> {
        self.helpers.push(helper.process_group(0).spawn().context("util-linux has setpriv")?);
        Ok(())
    }

    /// A Pi has no clock, and asks its backend for the time. The clock of this machine is not touched.
    fn serve_time(&mut self, work: &Path) -> anyhow::Result<()> {
        let path = work.join("chrony.conf");
        let text = format!(
            "local stratum 8\nallow\nbindaddress {BACKEND_ADDRESS}\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
            work.join("chrony.pid").display()
        );
        std::fs::write(&path, text)?;
        let log = std::fs::File::create(work.join("chronyd.log"))?;
        let mut chronyd = companion("/usr/sbin/chronyd");
        chronyd.args(["-x", "-d", "-u", "root", "-f"]).arg(&path);
        self.keep(chronyd.stdout(log.try_clone()?).stderr(log))
    }

    fn name_region(&self) -> anyhow::Result<()> {
        let rows: Vec<Value> = serde_json::from_str(&self.client(&["endpoint", "list", "-f", "json"])?)?;
        if rows.iter().any(|row| row["Region"] == REGION) {
            return Ok(());
        }
        self.client(&["region", "create", REGION])?;
        for row in rows.iter().filter(|row| row["Interface"] == "public") {
            let (kind, url) = (shown(&row["Service Type"]), shown(&row["URL"]));
            let url = url.replace("127.0.0.1", BACKEND_ADDRESS);
            for interface in ["public", "internal", "admin"] {
                self.client(&["endpoint", "create", "--region", REGION, &kind, interface, &url])?;
            }
        }
        Ok(())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        for child in &mut self.helpers {
            let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
            let _ended_already = killpg(group, Signal::SIGKILL);
            let _reaped_already = child.wait();
        }
    }
}

/// A value as the client's tables show it.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
