//! Namespaces that hold all of a bench: the program runs itself again inside.
//! When its first process ends, the kernel ends everything in it. There is no
//! route out of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use sha2::Digest;

use super::{floor, product};
use crate::support::control_groups::{groups, remove_group};

const STATE: &str = "CONPAAS_BENCH_STATE";
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// liblxc needs the /sys of its own network and the control groups of the machine.
const ENTER: &str = r#"
set -e
ip link set lo up
keep=$(mktemp -d /run/conpaas-bench.XXXXXX)
mount --rbind /sys/fs/cgroup "$keep"
mount -t sysfs sysfs /sys
mount --rbind "$keep" /sys/fs/cgroup
umount -l "$keep"
rmdir "$keep"
exec "$@"
"#;

/// The program that is measured.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_conpaas");

/// Where everything of this run lies; `None` outside the namespaces.
pub(crate) fn state() -> Option<PathBuf> {
    std::env::var_os(STATE).map(PathBuf::from)
}

/// Runs this program again, inside, and takes away what is left of it.
pub(crate) fn run_inside(words: &[String]) -> anyhow::Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "it makes containers, and that takes root: sudo make bench");
    build_root_file_system()?;
    let state = tempfile::Builder::new().prefix("conpaas-bench-").tempdir_in("/var/tmp")?;
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o711))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(attend(words, state.path()));
    // Control groups have no namespace; after a failure they are empty, but there.
    for name in [floor::CONTAINER.to_owned(), mark(&product::cloud_directory(state.path()))] {
        for group in groups(Path::new(CONTROL_GROUPS), &name) {
            remove_group(&group);
        }
    }
    let path = state.path().to_owned();
    state.close().with_context(|| format!("cannot remove {}", path.display()))?;
    outcome
}

async fn attend(words: &[String], state: &Path) -> anyhow::Result<()> {
    let mut inside = tokio::process::Command::new("unshare");
    inside
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"])
        .args(["sh", "-c", ENTER, "sh"])
        .arg(std::env::current_exe()?)
        .args(words)
        .env(STATE, state)
        .kill_on_drop(true);
    let mut child = inside.spawn().context("cannot run unshare")?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let asked_to_stop = tokio::select! {
        status = child.wait() => {
            let status = status?;
            ensure!(status.success(), "the bench inside its namespaces ended with {status}");
            return Ok(());
        }
        _ = tokio::signal::ctrl_c() => "interrupted",
        _ = terminate.recv() => "told to stop",
    };
    child.kill().await?;
    bail!(asked_to_stop)
}

/// The root file system of the nodes, shared with the tests of this machine.
pub(crate) fn root_file_system() -> &'static Path {
    Path::new("/var/tmp/conpaas-test/containers")
}

fn build_root_file_system() -> anyhow::Result<()> {
    // One build at a time; all others wait for it and find it done. Its talk is no figure.
    let output = Command::new(env!("CARGO_BIN_EXE_conpaas"))
        .args(["image", "build", "services", "--service", "generic,helloworld,development", "--recipes"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("images"))
        .args(["--output", "/var/tmp/conpaas-test/images", "--to"])
        .arg(root_file_system())
        .output()?;
    ensure!(
        output.status.success(),
        "the root file system cannot be built: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// What the names of a cloud's containers begin with.
fn mark(cloud: &Path) -> String {
    let hash = sha2::Sha256::digest(cloud.as_os_str().as_encoded_bytes());
    format!("cp{:02x}{:02x}-", hash[0], hash[1])
}
