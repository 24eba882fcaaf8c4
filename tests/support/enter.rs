//! The namespaces that tests, benches and attacks run in: network, mounts and processes, without a route out.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::Digest;

/// Words of `unshare`: what is named after them runs inside, and with its first process all ends.
pub(crate) const UNSHARE: [&str; 12] = [
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
    "sh",
    "-c",
    ENTER,
    "sh",
];

/// liblxc needs the /sys of its own network and the control groups of the machine. The shell stays: whoever is the first
/// process reaps those whose parents were killed.
const ENTER: &str = r#"
set -e
ip link set lo up
keep=$(mktemp -d /run/conpaas-inside.XXXXXX)
mount --rbind /sys/fs/cgroup "$keep"
mount -t sysfs sysfs /sys
mount --rbind "$keep" /sys/fs/cgroup
umount -l "$keep"
rmdir "$keep"
"$@"
"#;

/// Enters a node. A privileged one shares our user namespace, which cannot be entered again.
const ENTER_NODE: &str = r#"pid=$1 script=$2
shift 2
for group; do echo $$ > "$group/cgroup.procs"; done
[ "$(readlink /proc/self/ns/user)" = "$(readlink "/proc/$pid/ns/user")" ] || user=-U
exec nsenter -t "$pid" -m -u -i -n -p -C $user -- sh -c "$script""#;

/// A shell command in the node with this first process, within the limits of its control groups.
pub(crate) fn in_node(first_process: i32, groups: &[PathBuf], script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", ENTER_NODE, "sh", &first_process.to_string(), script]).args(groups);
    command
}

/// What the names of the containers of the cloud at this place begin with.
pub(crate) fn mark(cloud: &Path) -> String {
    let hash = sha2::Sha256::digest(cloud.as_os_str().as_encoded_bytes());
    format!("cp{:02x}{:02x}-", hash[0], hash[1])
}
