//! Nodes and volumes on real containers.

use std::fs;
use std::time::{Duration, Instant};

use conpaas::cloud::lxc::Privilege;
use conpaas::cloud::{Cloud, CloudError, Verdict, VolumeSpec};

use crate::world;

#[test]
fn a_node_starts_with_its_context_and_limits_and_leaves_nothing() {
    world::inside("lxc::a_node_starts_with_its_context_and_limits_and_leaves_nothing", |state| async move {
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
        assert_eq!(cloud.list_nodes().await.unwrap(), [node.clone()]);

        let (_, seen) =
            world::run_in(&node.vmid, "stat -c '%u %g %a' /root /root/config.cfg; cat /root/config.cfg; hostname");
        assert_eq!(seen, "0 0 700\n0 0 600\n[agent]\nA = 1\nconpaas-a");
        let (_, map) = world::run_in(&node.vmid, "cat /proc/1/uid_map | tr -s ' '; tr '\\0' ' ' < /proc/1/cmdline");
        assert_eq!(map, "0 100000 65536\n/usr/sbin/conpaas init", "root in a node is nobody outside");
        let (_, network) =
            world::run_in(&node.vmid, "ip -o -4 address show | awk '{print $2, $4}'; ip route | head -1");
        assert_eq!(network, "lo 127.0.0.1/8\neth0 172.16.0.2/24\ndefault via 172.16.0.1 dev eth0");
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
