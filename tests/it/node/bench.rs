//! A world of its own for one test: an authority, addresses of loopback, and
//! nodes that are ended with it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use conpaas::config::{AgentConfig, DirectorUrl, ManagerConfig, NodeBase};
use conpaas::model::{ApplicationId, ServiceId, UserId};
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, PeerRule, RpcCall};
use conpaas::sys::process;
use serde_json::Value;

use crate::support::wait::{eventually, try_until_within};

pub(crate) const USER: UserId = UserId(7);
pub(crate) const APPLICATION: ApplicationId = ApplicationId(3);
pub(crate) const PORT: u16 = 15555;

pub(crate) struct Bench {
    directory: tempfile::TempDir,
    pub(crate) authority: Authority,
    network: [u8; 2],
    next_host: AtomicU8,
    children: Mutex<Vec<Child>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        conpaas::rpc::install_crypto();
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let network = [rand::random_range(64..=254), rand::random_range(1..=254)];
        Bench { directory, authority, network, next_host: AtomicU8::new(1), children: Mutex::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// An address that nobody else has.
    pub(crate) fn address(&self) -> Ipv4Addr {
        let host = self.next_host.fetch_add(1, Ordering::SeqCst);
        Ipv4Addr::new(127, self.network[0], self.network[1], host)
    }

    pub(crate) fn credentials(&self, subject: &Subject) -> Credentials {
        self.authority.issue(subject, &[], Lifetime::NODE).unwrap()
    }

    /// A client that is the application's owner, its manager, or whoever `subject` is.
    pub(crate) fn client(&self, subject: &Subject) -> Client {
        Client::new(Some(&self.credentials(subject)), PeerRule::AnyNode).unwrap()
    }

    pub(crate) fn user(&self) -> Client {
        self.client(&Subject::user(USER, "alice", "a@example.org"))
    }

    pub(crate) fn as_manager(&self) -> Client {
        self.client(&Subject::manager(USER, APPLICATION))
    }

    /// Lays out an agent's node; gives its root.
    pub(crate) fn lay_agent(&self, name: &str, kind: &str, address: Ipv4Addr, director: &Endpoint) -> PathBuf {
        let mut base = NodeBase::for_agent(USER, APPLICATION, address, url(director));
        base.extra.insert("STRING_TO_GENERATE".into(), "helloworld".into());
        let config = AgentConfig { base, agent_type: kind.into(), service_id: ServiceId(1), manager_ip: address };
        self.lay(name, "agent", &config.to_text().unwrap(), &Subject::agent(USER, APPLICATION))
    }

    /// Lays out a manager's node; gives its root.
    pub(crate) fn lay_manager(&self, name: &str, address: Ipv4Addr, director: &Endpoint) -> PathBuf {
        let mut base = NodeBase::for_manager(USER, APPLICATION, address, url(director));
        base.agent_port = PORT;
        base.extra.insert("DIRECTOR_PATIENCE".into(), "3".into());
        let text = ManagerConfig::new(base, "test").to_text().unwrap();
        self.lay(name, "manager", &text, &Subject::manager(USER, APPLICATION))
    }

    fn lay(&self, name: &str, role: &str, config: &str, subject: &Subject) -> PathBuf {
        let root = self.path(name);
        let certificates = root.join(format!("etc/cps{role}/certs"));
        fs::create_dir_all(&certificates).unwrap();
        fs::create_dir_all(root.join("root")).unwrap();
        fs::write(root.join("root/config.cfg"), config).unwrap();
        self.credentials(subject).save(&certificates).unwrap();
        root
    }

    /// Starts a role; gives its process's number.
    pub(crate) fn start(&self, role: &str, root: &Path, address: Ipv4Addr, environment: &[(&str, &str)]) -> u32 {
        let out = fs::OpenOptions::new().append(true).create(true).open(root.join("root/console")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_conpaas"))
            .args([role, "-b", &address.to_string(), "-p", &PORT.to_string(), "--root"])
            .arg(root)
            .env("CONPAAS_NODE", self.tag(root))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        let pid = child.id();
        self.children.lock().unwrap().push(child);
        pid
    }

    /// Kills a process at once, as a power cut would.
    pub(crate) fn kill(&self, pid: u32) {
        let mut children = self.children.lock().unwrap();
        let child = children.iter_mut().find(|child| child.id() == pid).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Kills what a node's role left, which would outlive it.
    pub(crate) fn kill_left(&self, root: &Path) {
        let mark = [b"CONPAAS_NODE=", self.tag(root).as_bytes(), b"\0"].concat();
        let left = || process::find("environ", |bytes| bytes.windows(mark.len()).any(|window| window == mark));
        assert!(process::kill_all(left, Duration::from_secs(5)), "programs of {} cannot be killed", root.display());
    }

    /// Waits until a process has ended by itself, or by a crash point.
    pub(crate) fn wait_end(&self, pid: u32, limit: Duration) -> bool {
        let has_ended = || {
            let mut children = self.children.lock().unwrap();
            let child = children.iter_mut().find(|child| child.id() == pid).unwrap();
            child.try_wait().unwrap().map(drop)
        };
        try_until_within(limit, has_ended).is_some()
    }

    /// What nodes under `root` carry in their environment.
    pub(crate) fn tag(&self, root: &Path) -> String {
        format!("{}-{}", self.directory.path().display(), root.file_name().unwrap().to_string_lossy())
    }

    /// Waits until the node at `address` answers.
    pub(crate) async fn await_up(&self, address: Ipv4Addr) {
        let client = self.as_manager();
        let call = RpcCall::get(0, "check_process");
        let what = format!("the node at {address} answers");
        eventually(&what, async || client.call(&endpoint(address), &call).await.ok().map(drop)).await;
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for console in fs::read_dir(self.directory.path()).unwrap().flatten() {
                for log in ["root/console", "var/log/cpsmanager.log", "var/log/cpsmanager1.log", "var/log/cpsagent.log"]
                {
                    if let Ok(text) = fs::read_to_string(console.path().join(log)) {
                        eprintln!("--- {} {log}\n{text}", console.path().display());
                    }
                }
            }
        }
        for mut child in std::mem::take(&mut *self.children.lock().unwrap()) {
            let _ended_already = child.kill();
            let _ended = child.wait();
        }
        // Scripts and their supervisors outlive agents; all carry this bench's path.
        let mark = self.directory.path().display().to_string();
        let ours = || {
            let has_mark = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            let mut found = process::find("environ", has_mark);
            found.retain(|process| process.pid.unsigned_abs() != std::process::id());
            found
        };
        assert!(process::kill_all(ours, Duration::from_secs(5)), "some processes of the test cannot be killed");
    }
}

pub(crate) fn endpoint(address: Ipv4Addr) -> Endpoint {
    Endpoint { host: address.to_string(), port: PORT }
}

fn url(director: &Endpoint) -> DirectorUrl {
    format!("https://{}:{}", director.host, director.port).parse().unwrap()
}

/// The result of a call that must succeed.
pub(crate) async fn ok(client: &Client, address: Ipv4Addr, call: RpcCall) -> Value {
    client.call(&endpoint(address), &call).await.unwrap_or_else(|error| panic!("{call:?}: {error}"))
}

/// The text of a call that must be refused by the method.
pub(crate) async fn refused(client: &Client, address: Ipv4Addr, call: RpcCall) -> String {
    match client.call(&endpoint(address), &call).await {
        Err(CallError::Remote(text)) => text,
        other => panic!("{call:?}: {other:?}"),
    }
}

/// The HTTP status of a call that must be refused before the method.
pub(crate) async fn status(client: &Client, address: Ipv4Addr, call: RpcCall) -> u16 {
    match client.call(&endpoint(address), &call).await {
        Err(CallError::Status { status, .. }) => status,
        other => panic!("{call:?}: {other:?}"),
    }
}

/// A tar file of scripts with these names and contents.
pub(crate) fn tar_of(scripts: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in scripts {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}
