//! A network, process and mount namespace for one test.
//!
//! A test runs itself again inside; when its first process ends, the kernel
//! ends everything in it: containers, mounts, loop devices, cables. There is
//! no route out of it.

use std::fs;
use std::future::Future;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use conpaas::cloud::local::lxc::{LxcCloud, LxcSettings};
use conpaas::cloud::{Cloud, CloudNode, ContextError, ContextFile, NodeContext, NodeSpec};
use conpaas::model::NodeRole;
use conpaas::model::{CloudName, NodeTag};

use crate::support::control_groups::{groups, remove_group};
use crate::support::enter::{self, UNSHARE};
use crate::support::nutshell::Nutshell;

const INSIDE: &str = "CONPAAS_E2E_INSIDE";

/// Runs `body` in a world of its own; `name` is the test's full name.
pub(crate) fn inside<F: Future<Output = ()>>(name: &str, body: impl FnOnce(PathBuf) -> F) {
    assert!(nix::unistd::geteuid().is_root(), "the e2e tests make containers and need root");
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        let state = PathBuf::from(std::env::var_os("CONPAAS_E2E_STATE").expect("the outer test sets it"));
        let runtime = tokio::runtime::Runtime::new().expect("the machine has threads");
        runtime.block_on(body(state));
        return;
    }
    let state = tempfile::Builder::new().prefix("conpaas-e2e-").tempdir_in("/var/tmp").expect("/var/tmp is writable");
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o711)).expect("it is ours");
    base();
    let status = Command::new("unshare")
        .args(UNSHARE)
        .arg(std::env::current_exe().expect("a test has a file"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, name)
        .env("CONPAAS_E2E_STATE", state.path())
        .status()
        .expect("util-linux has unshare");
    // Control groups have no namespace; after a failure they are empty, but there.
    for group in groups(Path::new("/sys/fs/cgroup"), &mark(state.path())) {
        remove_group(&group);
    }
    // liblxc keeps a directory for its locks by the path of the state directory.
    let locks = Path::new("/run/lxc/lock").join(state.path().strip_prefix("/").expect("it is absolute"));
    let _none_or_gone = fs::remove_dir_all(locks);
    assert!(status.success(), "{name} failed inside its world: {status}");
}

/// Whether this process was started by [`director`].
pub(crate) fn is_director() -> bool {
    std::env::var_os("CONPAAS_E2E_DIRECTOR").is_some()
}

/// Starts the test `name` again as a director that is killed after `life`.
pub(crate) fn director(name: &str, life: Duration) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().expect("a test has a file"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("CONPAAS_E2E_DIRECTOR", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a test can start itself");
    let end = Instant::now() + life;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    child.kill().expect("it is our child");
    child.wait().expect("it is our child")
}

/// Lets a director do all of its work, and gives how long that took. A machine that is busy for a moment makes one of
/// them slow: the fastest of some tells when to kill others.
pub(crate) fn whole_director(name: &str) -> Duration {
    let began = Instant::now();
    assert!(director(name, Duration::from_secs(60)).success());
    began.elapsed()
}

/// The root file system of the nodes, built once on this machine. The program under test loads its libraries.
pub(crate) fn base() -> PathBuf {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    image("services", &recipes, "containers", &["--service", "generic,helloworld,development"])
}

/// The root file system of nodes of every kind. It takes longer to make than [`base`], but once for all engines.
pub(crate) fn engines_base() -> PathBuf {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
    image("services", &recipes, "engines", &["--service", "generic,helloworld,java,mysql,php,xtreemfs,development"])
}

/// The directory `name` that is built of a recipe, once on this machine.
pub(crate) fn image(recipe: &str, recipes: &Path, name: &str, options: &[&str]) -> PathBuf {
    let place = Path::new("/var/tmp/conpaas-test").join(name);
    if std::env::var_os(INSIDE).is_some() {
        return place;
    }
    // One build at a time; all others wait for it and find it done.
    let mut build = Command::new(env!("CARGO_BIN_EXE_conpaas"));
    build.args(["image", "build", recipe]).args(options).arg("--recipes").arg(recipes);
    build.args(["--output", "/var/tmp/conpaas-test/images", "--to"]).arg(&place);
    assert!(build.status().expect("the program is built").success(), "{} cannot be built", place.display());
    place
}

/// The usual settings in this world.
pub(crate) fn settings(state: &Path) -> LxcSettings {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_conpaas"));
    LxcSettings::usual(CloudName::default_cloud(), state.join("cloud"), base(), program)
}

/// A nutshell below `place`, in a network namespace that bears the name of this world, whose nodes have the root `base`.
pub(crate) fn nutshell(state: &Path, place: &Path, base: &Path) -> (String, Nutshell) {
    let name = state.file_name().expect("a temporary directory has a name").to_string_lossy().replace('.', "");
    let base = base.to_str().expect("it is plain text");
    let nutshell = Nutshell::new(&place.join("nutshell"), &["--netns", &name, "--image", base]);
    (name, nutshell)
}

/// Returns whether the kernel lets root of this machine resize what is mounted; root of a sandbox may not.
pub(crate) fn can_resize() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("it has capabilities");
    u64::from_str_radix(effective.trim(), 16).expect("they are a number") & (1 << 24) != 0
}

/// A cloud in this world.
pub(crate) fn cloud(settings: LxcSettings) -> LxcCloud {
    LxcCloud::new(settings).expect("the settings are right")
}

/// An agent that is wanted.
pub(crate) fn agent(tag: &str) -> NodeSpec {
    let context = ContextFile { path: "/root/config.cfg".into(), mode: 0o600, content: b"[agent]\nA = 1\n".to_vec() };
    NodeSpec {
        tag: tag.parse().expect("it is a tag"),
        role: NodeRole::Agent,
        name: format!("conpaas-{tag}"),
        group: conpaas::model::NodeGroup(1),
        context: files(vec![context]),
        instance_type: None,
        needs: conpaas::model::NodeNeeds::default(),
    }
}

/// A context of these files.
pub(crate) fn files(files: Vec<ContextFile>) -> Arc<dyn NodeContext> {
    struct Files(Vec<ContextFile>);
    #[async_trait]
    impl NodeContext for Files {
        fn files(&self, _address: Ipv4Addr) -> Result<Vec<ContextFile>, ContextError> {
            Ok(self.0.clone())
        }
        async fn invitation(&self) -> Result<String, ContextError> {
            Err(ContextError("containers get files".to_owned()))
        }
    }
    Arc::new(Files(files))
}

/// Whether the node runs.
pub(crate) fn is_running(cloud: &LxcCloud, node: &CloudNode) -> bool {
    let nodes = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cloud.list_nodes()));
    let nodes = nodes.expect("nodes can be listed");
    nodes.iter().any(|other| other.tag == node.tag && other.is_running)
}

/// What the node's console says.
pub(crate) fn console(cloud: &LxcCloud, tag: &NodeTag) -> String {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cloud.console(tag)))
}

/// The first process of a node, as seen from outside it.
pub(crate) fn init_pid(vmid: &str) -> i32 {
    find_init_pid(vmid).expect("a running node has a process")
}

/// The same; `None` of a node that does not run.
fn find_init_pid(vmid: &str) -> Option<i32> {
    let procs = fs::read_to_string(group(vmid, "memory")?.join("cgroup.procs")).ok()?;
    procs.lines().filter_map(|line| line.parse().ok()).min()
}

/// A control group of a node.
pub(crate) fn group(vmid: &str, controller: &str) -> Option<PathBuf> {
    groups_of(vmid).into_iter().find(|group| {
        // Version 2 has all controllers in one tree.
        !Path::new("/sys/fs/cgroup").join(controller).exists()
            || group.components().any(|part| part.as_os_str() == controller)
    })
}

/// The memory of a node that is no copy of a file, in MB.
pub(crate) fn anonymous_mb(vmid: &str) -> u64 {
    let group = group(vmid, "memory").expect("it runs");
    let stat = fs::read_to_string(group.join("memory.stat")).expect("the kernel counts it");
    let of = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<u64>().ok())
    };
    of("anon ").or_else(|| of("total_rss ")).unwrap_or_default() >> 20
}

fn groups_of(vmid: &str) -> Vec<PathBuf> {
    let number = vmid.rsplit('-').next().expect("it has a last part");
    let state = PathBuf::from(std::env::var_os("CONPAAS_E2E_STATE").expect("the outer test sets it"));
    // The cloud of this world, or that of its nutshell.
    let marks = [mark(&state), enter::mark(&state.join("nutshell/clouds/iaas"))];
    let found = marks.iter().map(|mark| groups(Path::new("/sys/fs/cgroup"), &format!("lxc.payload.{mark}{number}")));
    found.flatten().collect()
}

/// Runs a shell command in a node, within all of its limits, and gives its output and whether it succeeded.
pub(crate) fn run_in(vmid: &str, script: &str) -> (bool, String) {
    run(command_in(vmid, script))
}

/// The same; `None` of a node that does not run, as after a power cut.
pub(crate) fn run_in_if_running(vmid: &str, script: &str) -> Option<(bool, String)> {
    Some(run(enter::in_node(find_init_pid(vmid)?, &groups_of(vmid), script)))
}

fn run(mut command: Command) -> (bool, String) {
    let output = command.output().expect("util-linux has nsenter");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.trim().to_owned())
}

/// A command in a node, for those who do not wait for its end.
pub(crate) fn command_in(vmid: &str, script: &str) -> Command {
    enter::in_node(init_pid(vmid), &groups_of(vmid), script)
}

/// Everything of this cloud that is left outside its directory; empty when all is well.
pub(crate) fn remains(state: &Path) -> Vec<String> {
    let state = state.display().to_string();
    let mut found = Vec::new();
    let table = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    found.extend(table.lines().filter(|line| line.contains(&state)).map(|line| format!("mount {line}")));
    for entry in fs::read_dir("/sys/block").expect("/sys is mounted").flatten() {
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        // The one that is made ahead for the next node stays while its director runs.
        if file.contains(&state) && !file.contains("/spare-disk.img") {
            found.push(format!("loop device {} of {}", entry.path().display(), file.trim()));
        }
    }
    for entry in fs::read_dir("/sys/class/net").expect("/sys is mounted").flatten() {
        if entry.file_name().to_string_lossy().starts_with("cp") {
            found.push(format!("cable {:?}", entry.file_name()));
        }
    }
    let groups = groups(Path::new("/sys/fs/cgroup"), &mark(Path::new(&state)));
    found.extend(groups.iter().map(|group| format!("control group {}", group.display())));
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if words.contains(&format!("{state}/cloud/nodes")) {
            found.push(format!("process {}: {words}", entry.path().display()));
        }
    }
    found
}

/// What the names of this cloud's containers begin with.
pub(crate) fn mark(state: &Path) -> String {
    enter::mark(&state.join("cloud"))
}
