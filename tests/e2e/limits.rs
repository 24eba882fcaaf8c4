//! What programs in a node are told of its limits.

use conpaas::cloud::Cloud;
use conpaas::cloud::local::lxc::LxcSettings;

use super::world;
use crate::support::wait::wait_until;

const MEMORY_KB: u64 = 256 << 10;

fn limited(mut settings: LxcSettings) -> LxcSettings {
    settings.limits.memory_bytes = Some(MEMORY_KB << 10);
    settings.limits.cpu_percent = Some(100);
    settings
}

/// Programs of a node start after its first process has shown the limits; those of a test may be there earlier.
fn wait_until_shown(vmid: &str) {
    wait_until("the node shows its limits", || {
        let (_, text) = world::run_in(vmid, "grep -o ' /proc/meminfo ' /proc/mounts");
        (!text.is_empty()).then_some(())
    });
}

/// A number in what a node runs.
fn number(vmid: &str, script: &str) -> u64 {
    let (is_done, text) = world::run_in(vmid, script);
    assert!(is_done, "{script}: {text}");
    text.parse().unwrap_or_else(|_| panic!("{script}: {text}"))
}

#[test]
fn programs_in_a_node_see_its_limits_and_cannot_raise_them() {
    world::inside("e2e::limits::programs_in_a_node_see_its_limits_and_cannot_raise_them", |state| async move {
        let cloud = world::cloud(limited(world::settings(&state)));
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let number = |script: &str| number(&node.vmid, script);
        wait_until_shown(&node.vmid);

        assert_eq!(number("awk '/^MemTotal:/ {print $2}' /proc/meminfo"), MEMORY_KB);
        assert_eq!(number("free -k | awk '/^Mem:/ {print $2}'"), MEMORY_KB);
        for count in ["nproc", "getconf _NPROCESSORS_ONLN", "grep -c ^processor /proc/cpuinfo"] {
            assert_eq!(number(count), 1, "{count}");
        }
        let group = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes || cat memory.max";
        assert_eq!(number(&format!("({group}) 2> /dev/null")), MEMORY_KB << 10);
        let quota = "cd /sys/fs/cgroup; cat cpu/cpu.cfs_quota_us || cut -d' ' -f1 cpu.max";
        assert_eq!(number(&format!("({quota}) 2> /dev/null")), 100_000);

        // What it uses is seen too, no later than some seconds.
        let free = || number("awk '/^MemAvailable:/ {print $2}' /proc/meminfo");
        let before = free();
        assert!(before <= MEMORY_KB, "{before}");
        number("head -c 40000000 /dev/zero > /dev/shm/full; echo 0");
        wait_until("what is in memory is not available", || (free() + 30_000 < before).then_some(()));

        for attempt in [
            "echo x > /proc/meminfo",
            "mkdir /sys/fs/cgroup/x",
            "for d in $(find /sys/fs/cgroup -type d); do mkdir $d/x && exit; done; false",
            "for f in $(find /sys/fs/cgroup -type f -perm -200); do echo 1 > $f && exit; done; false",
            "for d in $(find /sys/fs/cgroup -type d); do mount -o remount,bind,rw $d; done
             for f in $(find /sys/fs/cgroup -type f -perm -200); do echo 1 > $f && exit; done; false",
        ] {
            let (is_done, text) = world::run_in(&node.vmid, attempt);
            assert!(!is_done, "a node's root can: {attempt}: {text}");
        }
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn what_a_node_does_to_these_files_concerns_itself() {
    world::inside("e2e::limits::what_a_node_does_to_these_files_concerns_itself", |state| async move {
        let cloud = world::cloud(limited(world::settings(&state)));
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        wait_until_shown(&node.vmid);
        // Links and pipes in their places, for the next start too.
        let (is_done, text) = world::run_in(
            &node.vmid,
            "umount /proc/cpuinfo /sys/devices/system/cpu/online
             set -e; umount /proc/meminfo
             rm -r /run/conpaas/limits; ln -s /dev/shm /run/conpaas/limits; mkfifo /dev/shm/meminfo
             umount -l /run; rm -rf /run/conpaas; mkdir -p /run/conpaas/limits
             mkfifo /run/conpaas/limits/meminfo; ln -s /etc/passwd /run/conpaas/limits/cpuinfo",
        );
        assert!(is_done, "{text}");
        cloud.stop_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
        cloud.ensure_node(&world::agent("a")).await.unwrap();
        wait_until_shown(&node.vmid);
        assert_eq!(number(&node.vmid, "awk '/^MemTotal:/ {print $2}' /proc/meminfo"), MEMORY_KB);
        assert_eq!(number(&node.vmid, "grep -c ^processor /proc/cpuinfo"), 1);
    });
}

#[test]
fn a_node_without_limits_sees_the_machine() {
    world::inside("e2e::limits::a_node_without_limits_sees_the_machine", |state| async move {
        let mut settings = world::settings(&state);
        (settings.limits.memory_bytes, settings.limits.cpu_percent) = (None, None);
        let cloud = world::cloud(settings);
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let told = "awk '/^MemTotal:/ {print $2}' /proc/meminfo; nproc; grep -c ^processor /proc/cpuinfo";
        let machine = std::process::Command::new("sh").args(["-c", told]).output().unwrap();
        let machine = String::from_utf8(machine.stdout).unwrap();
        assert_eq!(world::run_in(&node.vmid, told).1, machine.trim());
    });
}
