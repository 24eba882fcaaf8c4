//! The first process of a container: supervision, reaping, a clean end.

use std::time::{Duration, Instant};

use conpaas::cloud::{Cloud, ContextFile};

use super::world;
use crate::support::wait::wait_until;

#[test]
fn a_role_that_dies_is_started_again_ever_more_slowly() {
    world::inside("e2e::init::a_role_that_dies_is_started_again_ever_more_slowly", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        // This context has a section and nothing else that an agent needs, so the agent says so and ends.
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let waits = wait_until("the agent has ended three times", || {
            let console = world::console(&cloud, &node.tag);
            let waits: Vec<String> = console
                .lines()
                .filter_map(|line| line.split_once("it is started again in "))
                .map(|(_, wait)| wait.trim().to_owned())
                .collect();
            (waits.len() >= 3).then_some(waits)
        });
        assert_eq!(waits[..3], ["0.2 s", "0.4 s", "0.8 s"]);
        assert!(world::run_in(&node.vmid, "test -s /root/agent.err").0, "what the agent said is kept");
        cloud.remove_node(&node.tag).await.unwrap();
    });
}

#[test]
fn orphans_are_reaped_and_the_stubborn_are_killed() {
    world::inside("e2e::init::orphans_are_reaped_and_the_stubborn_are_killed", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let node = cloud.ensure_node(&world::agent("a")).await.unwrap();
        let (_, text) = world::run_in(
            &node.vmid,
            "for i in 1 2 3; do (setsid sh -c 'exit 3' &) ; done; (setsid sh -c 'trap \"\" TERM; echo up > /run/up; while :; do sleep 600; done' > /dev/null 2>&1 &)",
        );
        assert_eq!(text, "");
        wait_until("the stubborn program runs", || world::run_in(&node.vmid, "cat /run/up").0.then_some(()));
        wait_until("no zombie is left", || {
            let (_, states) = world::run_in(&node.vmid, "ps -e -o stat=,ppid= | awk '$2 == 1 && $1 ~ /^Z/'");
            states.is_empty().then_some(())
        });
        let (_, mounts) = world::run_in(&node.vmid, "awk '{print $2}' /proc/mounts");
        for target in ["/proc", "/sys", "/run", "/dev/pts", "/dev/shm", "/run/conpaas/volumes"] {
            assert!(mounts.lines().any(|line| line == target), "{target} in {mounts}");
        }
        let (_, memory) = world::run_in(&node.vmid, "awk '/^(VmRSS|RssAnon)/ {print $1, $2, $3}' /proc/1/status");
        println!("first process: {}", memory.replace('\n', ", "));
        let began = Instant::now();
        cloud.remove_node(&node.tag).await.unwrap();
        let took = began.elapsed();
        println!("stopped and removed in {took:?}");
        assert!(took < Duration::from_secs(10));
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}

#[test]
fn a_node_without_a_role_ends_and_says_why() {
    world::inside("e2e::init::a_node_without_a_role_ends_and_says_why", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let mut spec = world::agent("a");
        let file = ContextFile { path: "/root/config.cfg".into(), mode: 0o600, content: b"[other]\n".to_vec() };
        spec.context = world::files(vec![file]);
        let node = cloud.ensure_node(&spec).await.unwrap();
        let console = wait_until("the node says its last words", || {
            let console = world::console(&cloud, &node.tag);
            console.contains("neither").then_some(console)
        });
        assert!(console.contains("/root/config.cfg has neither a section [manager] nor [agent]"), "{console}");
        wait_until("the node has ended", || (!world::is_running(&cloud, &node)).then_some(()));
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}
