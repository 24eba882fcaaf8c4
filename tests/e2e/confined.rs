//! A director that systemd confines to few capabilities and a mount namespace
//! of its own, and its successor, which gets another.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use conpaas::cloud::{Cloud, VolumeSpec};

use super::world;

const STEP: &str = "CONPAAS_E2E_STEP";

/// What the director's unit does to its view: the system cannot be written,
/// the devices and the kernel's settings are out of reach.
const CONFINE: &str = r#"
set -e
for path in /usr /etc /proc/sys /sys /sys/fs/cgroup; do
    mount --rbind "$path" "$path"
    mount -o remount,bind,ro "$path"
done
for path in $(cut -d' ' -f5 /proc/self/mountinfo | grep '^/sys/fs/cgroup/'); do mount -o remount,bind,ro "$path"; done
mount -t tmpfs tmpfs /dev
for name in null zero urandom; do touch /dev/$name; done
exec "$@"
"#;

#[test]
fn a_confined_director_and_its_successor_share_the_mounts_of_their_nodes() {
    const NAME: &str = "e2e::confined::a_confined_director_and_its_successor_share_the_mounts_of_their_nodes";
    world::inside(NAME, |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let spec = world::agent("a");
        let [old, new] = ["old", "new"].map(|tag| VolumeSpec {
            tag: tag.parse().unwrap(),
            name: format!("vol-{tag}"),
            size_mb: 16,
            node: None,
        });
        match std::env::var(STEP).as_deref() {
            Ok("first") => {
                let refused = std::fs::write("/etc/conpaas-e2e", "").unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem, "this director is not confined");
                cloud.ensure_network().await.unwrap();
                cloud.ensure_node(&spec).await.unwrap();
                cloud.ensure_volume(&old).await.unwrap();
                cloud.attach_volume(&old.tag, &spec.tag, "sdb").await.unwrap();
            }
            Ok("successor") => {
                cloud.ensure_volume(&new).await.unwrap();
                cloud.attach_volume(&new.tag, &spec.tag, "sdc").await.unwrap();
                cloud.detach_volume(&old.tag).await.unwrap();
            }
            Ok("last") => {
                cloud.remove_node(&spec.tag).await.unwrap();
                cloud.remove_volume(&old.tag).await.unwrap();
                cloud.remove_volume(&new.tag).await.unwrap();
                cloud.remove_network().await.unwrap();
            }
            _ => {
                run("mount", &["--make-rshared", "/"]);
                confined(NAME, "first");
                let node = cloud.list_nodes().await.unwrap().remove(0);
                assert!(node.is_running);
                confined(NAME, "successor");
                assert_eq!(world::run_in(&node.vmid, "ls /run/conpaas/volumes").1, "sdc");
                confined(NAME, "last");
                assert_eq!(world::remains(&state), Vec::<String>::new());
            }
        }
    });
}

#[test]
fn a_stopped_node_leaves_nothing_running_and_starts_as_it_was() {
    world::inside("e2e::confined::a_stopped_node_leaves_nothing_running_and_starts_as_it_was", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let volume = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 16, node: None };
        cloud.ensure_volume(&volume).await.unwrap();
        cloud.attach_volume(&volume.tag, &node.tag, "sdb").await.unwrap();
        assert!(world::run_in(&node.vmid, "echo mine > /root/file; echo kept > /run/conpaas/volumes/sdb/data").0);

        cloud.stop_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
        assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
        cloud.stop_node(&node.tag).await.unwrap();
        cloud.stop_node(&"none".parse().unwrap()).await.unwrap();

        cloud.ensure_node(&world::agent("a")).await.unwrap();
        assert_eq!(world::run_in(&node.vmid, "cat /root/file /run/conpaas/volumes/sdb/data").1, "mine\nkept");
    });
}

/// Does a step of this test as a director under its unit would.
fn confined(name: &str, step: &str) {
    let mut command = Command::new("setpriv");
    command.arg(format!("--bounding-set={}", bounding_set()));
    command.args(["unshare", "--mount", "--propagation", "slave", "sh", "-c", CONFINE, "sh"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let machine = File::open(Path::new("/proc/1/ns/mnt")).unwrap();
    assert!(command.env(STEP, step).stdin(machine).status().unwrap().success(), "{step}");
}

/// The capabilities that the director's unit leaves, in the words of `setpriv`.
fn bounding_set() -> String {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/conpaas-director.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let lines = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let names = lines.flat_map(str::split_whitespace).map(|name| name.trim_start_matches("CAP_").to_lowercase());
    let set: String = names.map(|name| format!(",+{name}")).collect();
    assert!(set.contains("sys_admin"), "{set}");
    format!("-all{set}")
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}
