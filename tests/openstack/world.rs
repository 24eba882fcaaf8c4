//! The box with the OpenStack in it, for one test at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use conpaas::cloud::openstack::OpenStackCloud;
use conpaas::cloud::{Cloud, RepairOptions};
use conpaas::config::{Floating, OpenStackConfig, Secret};
use conpaas::model::Verdict;
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::observer::Observer;
use crate::support::remote::deployment::{Deployment, RemoteWorld};
use crate::support::wait::eventually_within;

const INSIDE: &str = "CONPAAS_OPENSTACK_INSIDE";
const DIRECTORY: &str = "CONPAAS_OPENSTACK";
/// Of the program's image in glance; what is behind it changes with the program.
const IMAGE_PREFIX: &str = "conpaas-test-";

/// How much of the box a test is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Its network alone: OpenStack's processes can be seen and killed.
    Network,
    /// All of it, where containers can be made beside OpenStack's.
    Whole,
}

/// Runs `body` in the box's network; `name` is the test's full name.
pub(crate) fn inside<F: Future<Output = ()>>(name: &str, body: impl FnOnce(World) -> F) {
    enter(name, Depth::Network, body);
}

/// Runs `body` in the box as its services are.
pub(crate) fn wholly_inside<F: Future<Output = ()>>(name: &str, body: impl FnOnce(World) -> F) {
    enter(name, Depth::Whole, body);
}

fn enter<F: Future<Output = ()>>(name: &str, depth: Depth, body: impl FnOnce(World) -> F) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        return runtime.block_on(async {
            let world = World::start().await;
            let directory = world.openstack.clone();
            body(world).await;
            let left = Observer::new(&directory).counts();
            assert_eq!(left, [0; 4], "servers, ports, floating addresses and volumes that the test has left");
        });
    }
    let directory = directory();
    let turn = File::create(directory.join("tests.lock")).unwrap_or_else(|error| {
        panic!("no OpenStack is in {}: make test-openstack starts one ({error})", directory.display())
    });
    let _turn = Flock::lock(turn, FlockArg::LockExclusive).map_err(|(_, errno)| errno).unwrap();
    node_image(&directory);
    let status = openstack(&directory)
        .arg("run")
        .args((depth == Depth::Network).then_some("--network"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, name)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed in the box: {status}");
}

fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY).map_or_else(|| PathBuf::from("/var/lib/conpaas/nutshell-openstack"), PathBuf::from)
}

fn recipe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images/nutshell-openstack")
}

fn openstack(directory: &Path) -> Command {
    let mut command = Command::new(recipe().join("openstack"));
    command.arg("--directory").arg(directory);
    command
}

/// The root file system of nodes, made once on this machine, as the end-to-end tests do.
pub(crate) fn base() -> PathBuf {
    PathBuf::from("/var/tmp/conpaas-test/containers")
}

/// The image with the program under test in it.
fn node_image(directory: &Path) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_conpaas");
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    let mut build = Command::new(program);
    build.args(["image", "build", "services", "--service", "generic,helloworld,development", "--recipes"]);
    build.arg(recipes).args(["--output", "/var/tmp/conpaas-test/images", "--to"]).arg(base());
    assert!(build.status().unwrap().success(), "the services image cannot be built");
    let file = directory.join("test-node.img");
    let mut make = Command::new(recipe().join("node-image"));
    let made = make.arg(base()).arg(program).arg(&file).stderr(Stdio::inherit()).status().unwrap();
    assert!(made.success(), "the image of nodes cannot be made");
    file
}

pub(crate) struct World {
    /// Gone with the test.
    pub(crate) directory: TempDir,
    /// Where the OpenStack is.
    pub(crate) openstack: PathBuf,
    pub(crate) observer: Observer,
    image: String,
}

impl World {
    async fn start() -> World {
        conpaas::rpc::install_crypto();
        let openstack = directory();
        let key = std::fs::read_to_string(openstack.join("test-node.img.key")).unwrap();
        let world = World {
            directory: tempfile::Builder::new().prefix("conpaas-openstack-").tempdir().unwrap(),
            observer: Observer::new(&openstack),
            image: format!("{IMAGE_PREFIX}{}", &key[..12]),
            openstack,
        };
        if world.observer.counts() != [0; 4] {
            eprintln!("an earlier test has left something; it is removed");
            assert!(world.observer.tell::<bool>(&["sweep"]), "it cannot be removed: {:?}", world.observer.look());
        }
        let _: Option<bool> = world.observer.tell(&["delete_images", &world.image]);
        // What a new project lacks: security group, key pair, image.
        let image = world.openstack.join("test-node.img");
        let repair = RepairOptions { image: Some(&image), key_directory: world.directory.path() };
        let mended = world.cloud().repair(&repair).await;
        assert!(mended.iter().all(|finding| finding.verdict == Verdict::Good), "{mended:?}");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn password(&self) -> String {
        std::fs::read_to_string(self.openstack.join("password")).unwrap().trim().to_owned()
    }

    /// A section for this OpenStack.
    pub(crate) fn config(&self) -> OpenStackConfig {
        OpenStackConfig {
            auth_url: "http://127.0.0.1:5000/v3".to_owned(),
            user: "conpaas".to_owned(),
            password: Secret::new(self.password()),
            project: "conpaas".to_owned(),
            user_domain: "Default".to_owned(),
            project_domain: "Default".to_owned(),
            region: Some("RegionOne".to_owned()),
            ca_file: None,
            image_id: self.image.clone(),
            size_id: "nutshell.small".to_owned(),
            key_name: "conpaas-test".to_owned(),
            security_group: "conpaas-test".to_owned(),
            network_id: Some("private".to_owned()),
            floating: Floating::ByDirector { pool: Some("public".to_owned()) },
        }
    }

    /// A director that runs, which nodes find at this end of the public network.
    pub(crate) fn deploy(&self, more: &[(&str, &str)]) -> Deployment {
        let listen = [("director.LISTEN", "0.0.0.0:5555"), ("director.DIRECTOR_URL", "https://203.0.113.1:5555")];
        Deployment::start(self, &[&listen[..], more].concat())
    }

    pub(crate) fn cloud(&self) -> OpenStackCloud {
        self.cloud_with(&self.config(), "d1")
    }

    pub(crate) fn cloud_with(&self, config: &OpenStackConfig, director: &str) -> OpenStackCloud {
        OpenStackCloud::new(&"stack".parse().unwrap(), config, director).unwrap()
    }

    /// `stop`, `start` or `kill` one of OpenStack's services.
    pub(crate) fn service(&self, word: &str, unit: &str) {
        let status = openstack(&self.openstack).args([word, unit]).status().unwrap();
        assert!(status.success(), "{word} {unit}: {status}");
    }
}

impl RemoteWorld for World {
    const CLOUD: &'static str = "stack";
    const PATIENCE: Duration = Duration::from_secs(120);

    fn section(&self) -> Vec<(&'static str, String)> {
        let config = self.config();
        vec![
            ("DRIVER", "openstack".to_owned()),
            ("HOST", config.auth_url),
            ("USER", config.user),
            ("PASSWORD", config.password.reveal().to_owned()),
            ("PROJECT", config.project),
            ("REGION", "RegionOne".to_owned()),
            ("IMAGE_ID", config.image_id),
            ("SIZE_ID", config.size_id),
            ("KEY_NAME", config.key_name),
            ("SECURITY_GROUP_NAME", config.security_group),
            ("NETWORK_ID", "private".to_owned()),
            ("AUTO_ASSIGN_FLOATING_IP", "false".to_owned()),
        ]
    }

    /// Each server has a port and a floating address.
    fn has(&self, n_nodes: usize, n_volumes: usize) -> bool {
        self.observer.counts() == [n_nodes, n_nodes, n_nodes, n_volumes]
    }

    fn n_attached(&self) -> usize {
        self.observer.look().volumes.iter().map(|volume| volume.attached.len()).sum()
    }
}

/// Runs a shell line in the container of a server: `(whether it went well, what it said)`.
pub(crate) fn run_in(server: &str, line: &str) -> (bool, String) {
    let pid = first_process(server).unwrap_or_else(|| panic!("server {server} has no process"));
    let output = Command::new("nsenter")
        .args([&format!("--target={pid}"), "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--", "sh", "-c"])
        .arg(line)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said.trim().to_owned())
}

/// libvirt tells the first process of a container which server it is.
fn first_process(server: &str) -> Option<i32> {
    let mark = format!("LIBVIRT_LXC_UUID={server}");
    conpaas::sys::process::all().into_iter().filter(|pid| *pid > 1).find(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let is_first =
            status.lines().any(|line| line.starts_with("NSpid:") && line.split_whitespace().last() == Some("1"));
        is_first && environment.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    })
}

/// Waits until `is_so`; OpenStack takes its time.
pub(crate) async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) {
    eventually_within(World::PATIENCE, what, || async { is_so().await.then_some(()) }).await;
}
