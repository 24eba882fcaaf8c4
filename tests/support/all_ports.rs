//! Namespaces in which every account may listen at every port, and nobody is root: for real web servers in tests without
//! containers. There is no route out of them; when the test ends, the kernel ends everything in them.

use std::process::Command;

use super::again;

const INSIDE: &str = "CONPAAS_ALL_PORTS_INSIDE";
/// Programs that give up their rights when they are root want to be none: the account in here is no root.
const ENTER: &str = "ip link set lo up && echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start && \
                     exec unshare --user --map-user=1000 --map-group=1000 \"$@\"";

/// Runs `body` in namespaces of its own; `name` is the test's full name.
pub(crate) fn inside<F: Future<Output = ()>>(name: &str, body: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        return runtime.block_on(async { body().await });
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    unshare.args(["sh", "-c", ENTER, "sh"]);
    again::run_inside(unshare, INSIDE, name);
}
