//! Nodes and volumes on real containers.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use conpaas::cloud::local::lxc::{Nat, Privilege};
use conpaas::cloud::{Cloud, CloudError, CloudNode, VolumeSpec};
use conpaas::model::Verdict;

use super::world;
use crate::support::wait::wait_until;

#[test]
fn a_node_starts_with_its_context_and_limits_and_leaves_nothing() {
    world::inside("e2e::lxc::a_node_starts_with_its_context_and_limits_and_leaves_nothing", |state| async move {
        let mut settings = world::settings(&state);
        settings.limits.memory_bytes = Some(64 << 20);
        let cloud = world::cloud(settings);
        cloud.ensure_network().await.unwrap();
        let began = Instant::now();
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        println!("ensure_node: {:?}", began.elapsed());
        assert!(node.is_running);
        assert_eq!((node.vmid.as_str(), node.ip.to_string().as_str()), ("i-00000001", "172.16.0.2"));
        assert_eq!(cloud.ensure_node(&world::agent("a")).await.unwrap(), node);
        assert_eq!(cloud.list_nodes().await.unwrap(), std::slice::from_ref(&node));

        let (_, seen) =
            world::run_in(&node.vmid, "stat -c '%u %g %a' /root /root/config.cfg; cat /root/config.cfg; hostname");
        assert_eq!(seen, "0 0 700\n0 0 600\n[agent]\nA = 1\nconpaas-a");
        let (_, map) = world::run_in(&node.vmid, "cat /proc/1/uid_map | tr -s ' '; tr '\\0' ' ' < /proc/1/cmdline");
        let map = map.trim_start();
        let first: u32 = map.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((0x7000_0000..0x7400_0000).contains(&first), "{first} is an id of the pool");
        assert_eq!(map, format!("0 {first} 65536\n/usr/sbin/conpaas init"), "root in a node is nobody outside");
        let (_, network) =
            world::run_in(&node.vmid, "ip -o -4 address show | awk '{print $2, $4}'; ip route | head -1");
        assert_eq!(network, "lo 127.0.0.1/8\neth0 172.16.0.2/24\ndefault via 172.16.0.1 dev eth0");
        let (_, filtered) = world::run_in(&node.vmid, "grep ^Seccomp: /proc/1/status");
        assert_eq!(filtered, "Seccomp:\t2", "system calls are filtered");
        let (written, text) = world::run_in(&node.vmid, "echo x > /usr/sbin/conpaas");
        assert!(!written && text.contains("Read-only"), "{text}");
        let (survived, _) = world::run_in(&node.vmid, "head -c 200M /dev/zero | tail -c 150M > /dev/null");
        assert!(!survived, "150 MB do not fit in 64 MB");
        assert!(world::run_in(&node.vmid, "true").0, "the node itself lives on");

        let began = Instant::now();
        cloud.remove_node(&node.tag).await.unwrap();
        println!("remove_node: {:?}", began.elapsed());
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(cloud.list_nodes().await.unwrap(), []);
        assert_eq!(world::remains(&state), Vec::<String>::new());
        assert_eq!(fs::read_dir(state.join("cloud/nodes")).unwrap().count(), 0);
        cloud.remove_network().await.unwrap();
        assert!(!std::path::Path::new("/sys/class/net/conpaas0").exists());
    });
}

#[test]
fn a_damaged_record_neither_hides_a_container_nor_gives_its_address_away() {
    world::inside(
        "e2e::lxc::a_damaged_record_neither_hides_a_container_nor_gives_its_address_away",
        |state| async move {
            let cloud = world::cloud(world::settings(&state));
            let first = cloud.ensure_node(&world::agent("a")).await.unwrap();
            fs::write(state.join("cloud/nodes/a/node.json"), "").unwrap();
            let second = cloud.ensure_node(&world::agent("b")).await.unwrap();
            assert_ne!(first.ip, second.ip);
            assert_eq!(cloud.ensure_node(&world::agent("a")).await.unwrap(), first);
            cloud.remove_node(&first.tag).await.unwrap();
            assert_eq!(cloud.list_nodes().await.unwrap(), std::slice::from_ref(&second));
            assert!(world::run_in(&second.vmid, "true").0, "the neighbour lives on");
            // Record and copy are damaged: nothing says which container it was, but it ends with its node.
            fs::write(state.join("cloud/nodes/b/node.json"), "{").unwrap();
            fs::write(state.join("cloud/records/b.node.json"), "").unwrap();
            cloud.remove_node(&second.tag).await.unwrap();
            assert_eq!(cloud.list_nodes().await.unwrap(), []);
            assert_eq!(world::remains(&state), Vec::<String>::new());
            cloud.remove_network().await.unwrap();
        },
    );
}

#[test]
fn eight_nodes_start_at_once() {
    world::inside("e2e::lxc::eight_nodes_start_at_once", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let specs: Vec<_> = (0..9).map(|number| world::agent(&format!("n{number}"))).collect();
        let began = Instant::now();
        cloud.ensure_node(&specs[8]).await.unwrap();
        let one = began.elapsed();
        let began = Instant::now();
        let nodes = futures_util::future::join_all(specs[..8].iter().map(|spec| cloud.ensure_node(spec))).await;
        println!("one node: {one:?}, eight at once: {:?}", began.elapsed());
        let nodes: Vec<_> = nodes.into_iter().map(Result::unwrap).collect();
        let different = |key: fn(&CloudNode) -> String| nodes.iter().map(key).collect::<BTreeSet<_>>().len();
        assert_eq!((different(|node| node.vmid.clone()), different(|node| node.ip.to_string())), (8, 8));
        assert!(cloud.list_nodes().await.unwrap().iter().all(|node| node.is_running));
        // Nodes reach each other and the bridge, and nothing else.
        let (reached, text) = world::run_in(
            &nodes[0].vmid,
            &format!(
                "python3 -c 'import socket; s=socket.socket(); s.settimeout(5); s.connect((\"{}\", 1))'",
                nodes[1].ip
            ),
        );
        assert!(!reached && text.contains("refused"), "{text}");
        let began = Instant::now();
        let removals = specs.iter().map(|spec| cloud.remove_node(&spec.tag));
        for removed in futures_util::future::join_all(removals).await {
            removed.unwrap();
        }
        println!("nine removed: {:?}", began.elapsed());
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn a_volume_appears_in_a_running_node_and_keeps_its_data() {
    world::inside("e2e::lxc::a_volume_appears_in_a_running_node_and_keeps_its_data", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let first = cloud.ensure_node(&world::agent("first")).await.unwrap();
        let second = cloud.ensure_node(&world::agent("second")).await.unwrap();
        let wanted = VolumeSpec { tag: "v".parse().unwrap(), name: "vol-data".to_owned(), size_mb: 32, node: None };
        let began = Instant::now();
        let volume = cloud.ensure_volume(&wanted).await.unwrap();
        println!("ensure_volume: {:?}", began.elapsed());
        let began = Instant::now();
        cloud.attach_volume(&wanted.tag, &first.tag, "sdb").await.unwrap();
        println!("attach_volume: {:?}", began.elapsed());
        cloud.attach_volume(&wanted.tag, &first.tag, "sdb").await.unwrap();
        let (_, seen) = world::run_in(
            &first.vmid,
            "cd /run/conpaas/volumes/sdb && echo kept > data && stat -c '%u %g' . && stat -f -c %T .; df -m . | tail -1 | awk '{print ($2 > 20 && $2 < 33)}'",
        );
        assert_eq!(seen, "0 0\next2/ext3\n1");
        let (_, text) = world::run_in(&second.vmid, "ls /run/conpaas/volumes");
        assert_eq!(text, "", "the other node does not see it");
        let elsewhere = cloud.attach_volume(&wanted.tag, &second.tag, "sdb").await.unwrap_err();
        assert!(elsewhere.to_string().contains("attached to first"), "{elsewhere}");

        // As the agent does: bound to where its user wants it.
        let (bound, text) =
            world::run_in(&first.vmid, "mkdir -p /media/data && mount --bind /run/conpaas/volumes/sdb /media/data");
        assert!(bound, "{text}");
        let busy = cloud.detach_volume(&wanted.tag).await;
        assert!(
            matches!(&busy, Err(CloudError::VolumeBusy { volume_id }) if *volume_id == volume.volume_id),
            "{busy:?}"
        );
        assert!(world::run_in(&first.vmid, "umount /media/data").0);
        let pid = world::init_pid(&first.vmid).to_string();
        let mut user = std::process::Command::new("nsenter")
            .args([
                "-t",
                &pid,
                "-a",
                "--",
                "sh",
                "-c",
                "cd /run/conpaas/volumes/sdb && echo in > /run/ready; exec sleep 600",
            ])
            .spawn()
            .unwrap();
        wait_until("a program runs in the volume", || world::run_in(&first.vmid, "cat /run/ready").0.then_some(()));
        let busy = cloud.detach_volume(&wanted.tag).await;
        assert!(matches!(busy, Err(CloudError::VolumeBusy { .. })), "{busy:?}");
        user.kill().unwrap();
        user.wait().unwrap();
        assert!(
            world::run_in(&first.vmid, "grep -q kept /run/conpaas/volumes/sdb/data").0,
            "a refusal changes nothing"
        );

        let began = Instant::now();
        // nsenter's child goes a moment after nsenter itself.
        world::run_in(&first.vmid, "pkill -9 sleep; for i in $(seq 200); do pgrep sleep || break; done");
        cloud.detach_volume(&wanted.tag).await.unwrap();
        println!("detach_volume: {:?}", began.elapsed());
        cloud.detach_volume(&wanted.tag).await.unwrap();
        assert_eq!(world::run_in(&first.vmid, "ls /run/conpaas/volumes").1, "");
        assert!(
            !world::remains(&state).iter().any(|remains| remains.contains("loop") && remains.contains("/volumes/"))
        );
        cloud.attach_volume(&wanted.tag, &second.tag, "/dev/sdc").await.unwrap();
        assert_eq!(world::run_in(&second.vmid, "cat /run/conpaas/volumes/sdc/data").1, "kept");
        assert_eq!(cloud.list_volumes().await.unwrap()[0].attached_to, Some(second.vmid.clone()));

        // The node dies; what is started again has its volume and its disk.
        assert!(world::run_in(&second.vmid, "echo mine > /root/file; sync").0);
        kill_node(&second.vmid);
        wait_until("the node has ended", || (!world::is_running(&cloud, &second)).then_some(()));
        cloud.ensure_node(&world::agent("second")).await.unwrap();
        assert_eq!(world::run_in(&second.vmid, "cat /run/conpaas/volumes/sdc/data /root/file").1, "kept\nmine");

        cloud.remove_node(&second.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap()[0].attached_to, None, "a volume survives its node");
        cloud.attach_volume(&wanted.tag, &first.tag, "sdb").await.unwrap();
        cloud.remove_volume(&wanted.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap(), []);
        cloud.remove_node(&first.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());

        let huge = VolumeSpec { tag: "huge".parse().unwrap(), name: "huge".to_owned(), size_mb: 1 << 30, node: None };
        let refused = cloud.ensure_volume(&huge).await;
        assert!(matches!(refused, Err(CloudError::Exhausted { .. })), "{refused:?}");
        let none = cloud.attach_volume(&huge.tag, &first.tag, "sdb").await;
        assert!(matches!(none, Err(CloudError::NoNode { .. })), "{none:?}");
    });
}

#[test]
fn a_director_killed_at_any_moment_leaves_nothing_that_cannot_be_finished_or_removed() {
    const NAME: &str = "e2e::lxc::a_director_killed_at_any_moment_leaves_nothing_that_cannot_be_finished_or_removed";
    world::inside(NAME, |state| async move {
        let volume = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 8, node: None };
        let cloud = world::cloud(world::settings(&state));
        let spec = world::agent("a");
        if world::is_director() {
            // All that a director does with a node, until it is killed.
            cloud.ensure_network().await.unwrap();
            cloud.ensure_volume(&volume).await.unwrap();
            cloud.ensure_node(&spec).await.unwrap();
            cloud.attach_volume(&volume.tag, &spec.tag, "sdb").await.unwrap();
            cloud.detach_volume(&volume.tag).await.unwrap();
            cloud.attach_volume(&volume.tag, &spec.tag, "sdc").await.unwrap();
            cloud.remove_node(&spec.tag).await.unwrap();
            cloud.remove_volume(&volume.tag).await.unwrap();
            return;
        }
        let mut whole = Duration::from_secs(60);
        for _ in 0..4 {
            whole = whole.min(world::whole_director(NAME));
        }
        println!("a director's work takes {whole:?}");
        let steps = 24;
        let mut killed = 0;
        for step in 0..steps {
            if !world::director(NAME, whole * step / steps).success() {
                killed += 1;
            }
            if step % 2 == 0 {
                // Finished: the next director asks again.
                let node = cloud.ensure_node(&spec).await.unwrap();
                let (has_context, text) = world::run_in(&node.vmid, "test -s /root/config.cfg");
                assert!(has_context, "step {step}: {text} {}", cloud.console(&spec.tag).await);
                cloud.ensure_volume(&volume).await.unwrap();
                cloud.detach_volume(&volume.tag).await.unwrap();
                cloud.attach_volume(&volume.tag, &spec.tag, "sdd").await.unwrap();
                let (is_written, text) = world::run_in(&node.vmid, "echo x > /run/conpaas/volumes/sdd/x");
                assert!(is_written, "step {step}: {text}");
            }
            // Undone: what is listed is removed.
            for node in cloud.list_nodes().await.unwrap() {
                cloud.remove_node(&node.tag).await.unwrap();
            }
            for volume in cloud.list_volumes().await.unwrap() {
                cloud.remove_volume(&volume.tag).await.unwrap();
            }
            assert_eq!(world::remains(&state), Vec::<String>::new(), "step {step}");
        }
        println!("killed {killed} of {steps}");
        assert!(killed > steps / 4, "the kills must hit the work");
    });
}

#[test]
fn a_node_whose_end_was_begun_by_a_killed_director_is_started_again() {
    const NAME: &str = "e2e::lxc::a_node_whose_end_was_begun_by_a_killed_director_is_started_again";
    world::inside(NAME, |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let spec = world::agent("a");
        if world::is_director() {
            cloud.stop_node(&spec.tag).await.unwrap();
            return;
        }
        let mut whole = Duration::from_secs(60);
        for _ in 0..4 {
            cloud.ensure_node(&spec).await.unwrap();
            whole = whole.min(world::whole_director(NAME));
        }
        let mut killed = 0;
        let steps = 40;
        for step in 0..steps {
            cloud.ensure_node(&spec).await.unwrap();
            if !world::director(NAME, whole * step / steps).success() {
                killed += 1;
            }
            let node = cloud.ensure_node(&spec).await.unwrap();
            // Longer than a first process takes to end that was told to.
            let (lives_on, text) = world::run_in(&node.vmid, "sleep 0.3 && test -s /root/config.cfg");
            assert!(lives_on, "step {step}: {text} {}", cloud.console(&spec.tag).await);
        }
        assert!(killed > steps / 4, "the kills must hit the work");
        cloud.remove_node(&spec.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn a_privileged_node_keeps_its_hands_off_the_machine() {
    world::inside("e2e::lxc::a_privileged_node_keeps_its_hands_off_the_machine", |state| async move {
        let mut settings = world::settings(&state);
        settings.privilege = Privilege::Privileged;
        settings.limits.cpu_percent = Some(50);
        settings.limits.processes = Some(64);
        let cloud = world::cloud(settings);
        let node = cloud.ensure_node(&world::agent("p")).await.unwrap();
        let (_, map) = world::run_in(&node.vmid, "tr -s ' ' < /proc/1/uid_map");
        assert_eq!(map, "0 0 4294967295");
        let (_, bits) = world::run_in(&node.vmid, "grep CapBnd /proc/1/status | cut -f2");
        let bits = u64::from_str_radix(&bits, 16).unwrap();
        // sys_module, sys_rawio, sys_boot, sys_time, mac_override, mac_admin, syslog.
        for dropped in [16, 17, 22, 25, 32, 33, 34] {
            assert_eq!(bits >> dropped & 1, 0, "capability {dropped}");
        }
        if let Some(group) = world::group(&node.vmid, "cpu") {
            let quota = fs::read_to_string(group.join("cpu.cfs_quota_us"))
                .or_else(|_| fs::read_to_string(group.join("cpu.max")));
            assert!(quota.unwrap().starts_with("50000"));
        }
        let pids = world::group(&node.vmid, "pids").unwrap();
        assert_eq!(fs::read_to_string(pids.join("pids.max")).unwrap().trim(), "64");
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn root_in_a_node_has_no_way_to_the_machine() {
    world::inside("e2e::lxc::root_in_a_node_has_no_way_to_the_machine", |state| async move {
        let mut settings = world::settings(&state);
        settings.limits.memory_bytes = Some(64 << 20);
        let cloud = world::cloud(settings);
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let wanted = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 8, node: None };
        cloud.ensure_volume(&wanted).await.unwrap();
        cloud.attach_volume(&wanted.tag, &node.tag, "sdb").await.unwrap();
        for attempt in [
            "echo h > /proc/sysrq-trigger",
            "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
            "echo 1 > /proc/sys/kernel/panic",
            "mknod /tmp/loop0 b 7 0 && head -c 1 /tmp/loop0",
            "mkdir /run/conpaas/volumes/x",
            "ln -s /etc /run/conpaas/volumes/x",
            "mknod /run/conpaas/volumes/sdb/d b 7 0 && head -c 1 /run/conpaas/volumes/sdb/d",
            "mount -o remount,rw,bind /usr/sbin/conpaas && echo x > /usr/sbin/conpaas",
            "umount /usr/sbin/conpaas && umount /usr/sbin/conpaas && echo x > /usr/sbin/conpaas && false",
            "mount -t cgroup -o memory none /mnt && echo -1 > /mnt/memory.limit_in_bytes",
            "mount -o remount,rw /sys && echo 0 > /sys/kernel/mm/ksm/run",
            "date -s 2001-01-01",
            "modprobe dummy || insmod /tmp/x.ko",
            "reboot -f",
        ] {
            let (is_done, text) = world::run_in(&node.vmid, attempt);
            assert!(!is_done, "a node's root can: {attempt}: {text}");
        }
        world::run_in(
            &node.vmid,
            "for f in $(find /sys/fs/cgroup -name 'memory*limit_in_bytes' -o -name memory.max); do echo -1 > $f; done",
        );
        let group = world::group(&node.vmid, "memory").unwrap();
        let limit = fs::read_to_string(group.join("memory.limit_in_bytes"))
            .or_else(|_| fs::read_to_string(group.join("memory.max")));
        assert_eq!(limit.unwrap().trim(), (64 << 20).to_string(), "a node cannot raise its own limit");
        assert!(world::is_running(&cloud, &node));

        use std::os::unix::fs::PermissionsExt;
        let closed = |path: &str| fs::metadata(state.join(path)).unwrap().permissions().mode() & 0o007;
        assert_eq!(closed("cloud/volumes/v/disk.img"), 0, "others on this machine cannot read a volume");
        assert_eq!(closed("cloud/nodes/a"), 0, "nor a node's disk and keys");
        cloud.remove_node(&node.tag).await.unwrap();
        cloud.remove_volume(&wanted.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn an_examination_names_what_is_wrong_and_what_to_do() {
    world::inside("e2e::lxc::an_examination_names_what_is_wrong_and_what_to_do", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let bad: Vec<_> = cloud.check().await.into_iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
        assert_eq!(bad, [], "this machine can run containers");
        let mut settings = world::settings(&state);
        settings.root_file_system = "/nonexistent".into();
        let findings = world::cloud(settings).check().await;
        assert!(
            findings.iter().any(|finding| finding.remedy.contains("image build services --to /nonexistent")),
            "{findings:?}"
        );
        let missing = world::cloud(world::settings(&state)).console(&"none".parse().unwrap()).await;
        assert_eq!(missing, "");
    });
}

#[test]
fn nat_is_there_when_wanted_and_goes_with_the_network() {
    world::inside("e2e::lxc::nat_is_there_when_wanted_and_goes_with_the_network", |state| async move {
        let rules = || {
            let output = std::process::Command::new("nft").args(["list", "ruleset"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let forwarding = || fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim().to_owned();
        let before = forwarding();
        let mut settings = world::settings(&state);
        settings.nat = Nat::On;
        let cloud = world::cloud(settings);
        cloud.ensure_network().await.unwrap();
        cloud.ensure_network().await.unwrap();
        assert_eq!(rules().matches("masquerade").count(), 1, "{}", rules());
        assert_eq!(forwarding(), "1");
        cloud.remove_network().await.unwrap();
        cloud.remove_network().await.unwrap();
        assert_eq!(rules(), "");
        assert_eq!(forwarding(), before);
    });
}

fn kill_node(vmid: &str) {
    let pid = nix::unistd::Pid::from_raw(world::init_pid(vmid));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}
