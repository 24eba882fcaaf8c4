//! Namespaces that hold all of a bench or of an attack: the program runs itself
//! again inside. When its first process ends, the kernel ends everything in it.
//! There is no route out of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::support::control_groups::{groups, remove_group};
use crate::support::enter::{UNSHARE, mark};
use crate::support::product::{RootFileSystem, cloud_directory, program};

const STATE: &str = "CONPAAS_NAMESPACES_STATE";
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// What runs inside.
pub(crate) struct Inside<'a> {
    /// As in `make <name>`.
    pub(crate) name: &'static str,
    pub(crate) words: &'a [String],
    /// What the names of containers begin with that it makes beside the product's.
    pub(crate) containers: &'a [&'a str],
    /// What its nodes are made of.
    pub(crate) nodes: &'a [RootFileSystem],
}

/// Where everything of this run lies; `None` outside the namespaces.
pub(crate) fn state() -> Option<PathBuf> {
    std::env::var_os(STATE).map(PathBuf::from)
}

/// Runs this program again, inside, and takes away what is left of it.
pub(crate) fn run_inside(inside: &Inside<'_>) -> anyhow::Result<()> {
    let name = inside.name;
    ensure!(nix::unistd::geteuid().is_root(), "it makes containers, and that takes root: sudo make {name}");
    inside.nodes.iter().try_for_each(|nodes| build(*nodes))?;
    let state = tempfile::Builder::new().prefix(&format!("conpaas-{name}-")).tempdir_in("/var/tmp")?;
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o711))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(attend(inside, state.path()));
    // Control groups have no namespace; after a failure they are empty, but there.
    let product = mark(&cloud_directory(state.path()));
    for container in inside.containers.iter().copied().chain([product.as_str()]) {
        for group in groups(Path::new(CONTROL_GROUPS), container) {
            remove_group(&group);
        }
    }
    let path = state.path().to_owned();
    state.close().with_context(|| format!("cannot remove {}", path.display()))?;
    outcome
}

async fn attend(inside: &Inside<'_>, state: &Path) -> anyhow::Result<()> {
    let mut command = tokio::process::Command::new("unshare");
    command.args(UNSHARE).arg(std::env::current_exe()?).args(inside.words).env(STATE, state).kill_on_drop(true);
    let mut child = command.spawn().context("cannot run unshare")?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let asked_to_stop = tokio::select! {
        status = child.wait() => {
            let status = status?;
            ensure!(status.success(), "what runs inside of the namespaces ended with {status}");
            return Ok(());
        }
        _ = tokio::signal::ctrl_c() => "interrupted",
        _ = terminate.recv() => "told to stop",
    };
    child.kill().await?;
    bail!(asked_to_stop)
}

fn build(nodes: RootFileSystem) -> anyhow::Result<()> {
    // One build at a time; all others wait for it and find it done. Its talk is no figure.
    let output = Command::new(program())
        .args(["image", "build", "services", "--service", nodes.services, "--recipes"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("images"))
        .args(["--output", "/var/tmp/conpaas-test/images", "--to"])
        .arg(nodes.path())
        .output()?;
    ensure!(
        output.status.success(),
        "the root file system cannot be built: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
