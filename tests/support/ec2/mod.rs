//! A network namespace with the mock in it, for one test.

pub(crate) mod hypervisor;
pub(crate) mod observer;
pub(crate) mod proxy;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conpaas::config::{Ec2Config, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::hypervisor::Hypervisor;
use self::observer::{Observer, Setup};
use self::proxy::Proxy;
use crate::support::again;
use crate::support::remote::deployment::{Deployment, RemoteWorld};
use crate::support::wait::{LIMIT, eventually_within};

const REGION: &str = "eu-west-1";
/// How long the mock may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(180);

const INSIDE: &str = "CONPAAS_EC2_INSIDE";
const MOCK: &str = "127.0.0.1:5000";
/// Where the program finds the API.
const PROXY: &str = "127.0.0.1:4999";

/// The mock's private and public networks: in a world these addresses are this machine's.
const NETWORKS: [&str; 3] = ["10.20.0.0/16", "172.31.0.0/16", "54.0.0.0/8"];

/// Runs `body` in a world of its own; `name` is the test's full name.
pub(crate) fn inside<F: Future<Output = ()>>(name: &str, body: impl FnOnce(World) -> F) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        run("ip", &["link", "set", "lo", "up"]);
        route_to_the_mock();
        return runtime.block_on(async { body(World::start().await).await });
    }
    let mut unshare = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    again::run_inside(unshare, INSIDE, name);
}

/// Makes the mock's addresses this machine's, in a network namespace of its own.
pub(crate) fn route_to_the_mock() {
    for network in NETWORKS {
        run("ip", &["route", "add", "local", network, "dev", "lo"]);
    }
}

fn run(program: &str, words: &[&str]) {
    let status = Command::new(program).args(words).status().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {words:?}: {status}");
}

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) observer: Arc<Observer>,
    pub(crate) proxy: Proxy,
    pub(crate) setup: Setup,
    /// Of those tests alone in which nodes run.
    hypervisor: OnceLock<Hypervisor>,
    mock: Child,
}

impl World {
    /// The mock, in the network namespace that this process is in already.
    pub(crate) async fn start() -> World {
        conpaas::rpc::install_crypto();
        let directory = tempfile::Builder::new().prefix("conpaas-ec2-").tempdir().unwrap();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin");
        assert!(
            tools.join("moto_server").exists(),
            "the mock is not installed: run tests/support/ec2/prepare, or make test-ec2"
        );
        let log = std::fs::File::create(directory.path().join("moto.log")).unwrap();
        let mock = Command::new(tools.join("moto_server"))
            .args(["-H", "127.0.0.1", "-p", "5000"])
            // Without these it takes any image, key and type.
            .env("MOTO_ENABLE_AMI_VALIDATION", "1")
            .env("MOTO_ENABLE_KEYPAIR_VALIDATION", "1")
            .env("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        eventually_within(START_LIMIT, "the mock listens", || async { TcpStream::connect(MOCK).ok() }).await;
        let observer = Arc::new(Observer::start(&tools.join("python"), &format!("http://{MOCK}"), REGION));
        let setup = observer.tell("setup", &policy());
        let proxy = Proxy::start(PROXY, MOCK).await;
        World { directory, observer, proxy, setup, hypervisor: OnceLock::new(), mock }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A section for the mock.
    pub(crate) fn config(&self) -> Ec2Config {
        Ec2Config {
            access_key: self.setup.key.clone(),
            secret_key: Secret::new(self.setup.secret.as_str()),
            region: REGION.to_owned(),
            endpoint: format!("http://{PROXY}"),
            image_id: self.setup.image.clone(),
            size_id: "t3.micro".to_owned(),
            key_name: "conpaas".to_owned(),
            security_group: "conpaas".to_owned(),
            subnet_id: Some(self.setup.subnet.clone()),
        }
    }

    /// A director that runs, and machines for the mock's instances.
    pub(crate) fn deploy(&self, more: &[(&str, &str)]) -> Deployment {
        self.hypervisor.get_or_init(|| Hypervisor::start(Arc::clone(&self.observer), self.path("machines")));
        Deployment::start(self, more)
    }
}

impl RemoteWorld for World {
    const CLOUD: &'static str = "amazon";
    const PATIENCE: Duration = LIMIT;

    fn section(&self) -> Vec<(&'static str, String)> {
        let config = self.config();
        vec![
            ("DRIVER", "ec2".to_owned()),
            ("USER", config.access_key),
            ("PASSWORD", config.secret_key.reveal().to_owned()),
            ("REGION", config.region),
            ("ENDPOINT", config.endpoint),
            ("IMAGE_ID", config.image_id),
            ("SIZE_ID", config.size_id),
            ("KEY_NAME", config.key_name),
            ("SECURITY_GROUP_NAME", config.security_group),
            ("SUBNET_ID", self.setup.subnet.clone()),
        ]
    }

    fn has(&self, n_nodes: usize, n_volumes: usize) -> bool {
        (self.observer.instances().len(), self.observer.volumes().len()) == (n_nodes, n_volumes)
    }

    fn n_attached(&self) -> usize {
        self.observer.volumes().iter().map(|volume| volume.attached.len()).sum()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path("moto.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("\" 200 -")).collect();
            eprintln!("--- moto\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
        let _ended_already = self.mock.kill();
        let _ended = self.mock.wait();
    }
}

/// The permissions that our documentation asks for.
fn policy() -> Value {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ec2.md")).unwrap();
    let (_, rest) = text.split_once("```json\n").unwrap();
    let policy: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    assert_ne!(policy["Statement"][0]["Action"], json!("*"));
    policy
}
