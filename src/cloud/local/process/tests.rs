use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::*;
use crate::cloud::fixed_context::fixed;
use crate::sys::process;

/// A stand-in for the program: says how it was called, and leaves a script in a session of its own.
const STAND_IN: &str = "#!/bin/sh\necho \"$@\"\nsetsid sh -c 'trap \"\" TERM; sleep 600; :' &\necho up >&2\nwait\n";

fn cloud(directory: &Path) -> ProcessCloud {
    let program = directory.join("stand-in");
    if !program.exists() {
        fs::write(&program, STAND_IN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    ProcessCloud::new(ProcessSettings {
        name: "iaas".parse().unwrap(),
        state_directory: directory.join("state"),
        program,
        first_address: Ipv4Addr::new(127, 0, 77, 2),
        last_address: Ipv4Addr::new(127, 0, 77, 254),
        manager_port: if nix::unistd::geteuid().is_root() { 443 } else { 8443 },
        agent_port: 5555,
        context: ContextForm::Files,
    })
    .unwrap()
}

fn spec(tag: &str) -> NodeSpec {
    let context = ContextFile { path: "/root/config.cfg".into(), mode: 0o600, content: b"[agent]\n".to_vec() };
    let tag: NodeTag = tag.parse().unwrap();
    NodeSpec {
        name: tag.to_string(),
        tag,
        group: crate::model::NodeGroup(1),
        role: NodeRole::Agent,
        context: fixed(vec![context]),
        instance_type: None,
        needs: crate::model::NodeNeeds::default(),
    }
}

async fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn of_node(directory: &Path) -> usize {
    let mark = format!("CONPAAS_NODE={}", directory.display()).into_bytes();
    process::find("environ", |words| words.split(|byte| *byte == 0).any(|word| word == mark)).len()
}

#[tokio::test]
async fn a_node_outlives_its_cloud_and_ends_with_all_its_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let node = cloud(directory.path()).ensure_node(&spec("a")).await.unwrap();
    assert_eq!((node.vmid.as_str(), node.ip, node.port), ("i-00000001", Ipv4Addr::new(127, 0, 77, 2), 5555));
    let home = directory.path().canonicalize().unwrap().join("state/nodes/a");
    let said = home.join("root-fs/root/agent.out");
    wait_for("the script in its own session", || of_node(&home) >= 3).await;
    let root = home.join("root-fs");
    let expected =
        format!("agent --config {0}/root/config.cfg --root {0} --bind 127.0.77.2 --port 5555\n", root.display());
    assert_eq!(fs::read_to_string(said).unwrap(), expected);
    assert_eq!(fs::metadata(root.join("root/config.cfg")).unwrap().permissions().mode() & 0o777, 0o600);

    let second = cloud(directory.path());
    assert_eq!(second.list_nodes().await.unwrap(), std::slice::from_ref(&node));
    assert_eq!(second.ensure_node(&spec("a")).await.unwrap(), node);
    assert_eq!(second.console(&node.tag).await, "up\n");
    second.remove_node(&node.tag).await.unwrap();
    second.remove_node(&node.tag).await.unwrap();
    assert_eq!(of_node(&home), 0);
    assert_eq!(second.list_nodes().await.unwrap(), []);
}

#[tokio::test]
async fn a_node_that_is_invited_finds_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = cloud(directory.path()).settings.as_ref().clone();
    settings.context = ContextForm::Invitation;
    let cloud = ProcessCloud::new(settings).unwrap();
    let node = cloud.ensure_node(&spec("a")).await.unwrap();
    let root = cloud.state.inventory.node_directory(&node.tag).join("root-fs");
    assert_eq!(fs::read_to_string(root.join("var/lib/cloud/seed/nocloud/user-data")).unwrap(), "#an invitation\n");
    assert!(!root.join("root/config.cfg").exists());
    let said = root.join("root/agent.out");
    wait_for("the program's words", || fs::read_to_string(&said).is_ok_and(|text| text.ends_with('\n'))).await;
    let words = fs::read_to_string(said).unwrap();
    assert_eq!(words, format!("join --run --root {} --bind 127.0.77.2 --port 5555\n", root.display()));
    cloud.remove_node(&node.tag).await.unwrap();
}

#[tokio::test]
async fn a_number_used_again_is_not_taken_for_the_node() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = cloud(directory.path());
    let node = cloud.ensure_node(&spec("a")).await.unwrap();
    let file = cloud.state.inventory.node_directory(&node.tag).join("process.json");
    let own = process::ProcessId::of(i32::try_from(std::process::id()).unwrap()).unwrap();
    let stranger = process::ProcessId { start_ticks: own.start_ticks + 1, ..own };
    fs::write(file, serde_json::to_vec(&stranger).unwrap()).unwrap();
    assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
    cloud.remove_node(&node.tag).await.unwrap();
}

#[tokio::test]
async fn a_volume_keeps_its_data_and_knows_when_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = cloud(directory.path());
    let node = cloud.ensure_node(&spec("a")).await.unwrap();
    let wanted = VolumeSpec { tag: "v".parse().unwrap(), name: "vol".to_owned(), size_mb: 1, node: None };
    assert_eq!(cloud.ensure_volume(&wanted).await.unwrap().attached_to, None);
    cloud.attach_volume(&wanted.tag, &node.tag, "/dev/sdb").await.unwrap();
    cloud.attach_volume(&wanted.tag, &node.tag, "sdb").await.unwrap();
    let home = cloud.state.inventory.node_directory(&node.tag);
    let inside = home.join("root-fs/run/conpaas/volumes/sdb");
    fs::write(inside.join("data"), b"kept").unwrap();
    assert_eq!(cloud.list_volumes().await.unwrap()[0].attached_to.as_ref(), Some(&node.vmid));

    let mut user =
        std::process::Command::new("sleep").arg("600").env("CONPAAS_NODE", &home).current_dir(&inside).spawn().unwrap();
    // A new program shows its environment a moment after it was started.
    let environment = format!("/proc/{}/environ", user.id());
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while fs::read(&environment).unwrap().is_empty() && std::time::Instant::now() < end {
        tokio::task::yield_now().await;
    }
    let busy = cloud.detach_volume(&wanted.tag).await;
    user.kill().unwrap();
    user.wait().unwrap();
    assert!(matches!(busy, Err(CloudError::VolumeBusy { .. })), "{busy:?}");
    cloud.detach_volume(&wanted.tag).await.unwrap();
    assert!(!inside.exists());
    cloud.attach_volume(&wanted.tag, &node.tag, "sdc").await.unwrap();
    assert_eq!(fs::read(home.join("root-fs/run/conpaas/volumes/sdc/data")).unwrap(), b"kept");
    cloud.remove_node(&node.tag).await.unwrap();
    assert_eq!(cloud.ensure_volume(&wanted).await.unwrap().attached_to, None);
    let huge = VolumeSpec { tag: "w".parse().unwrap(), name: "huge".to_owned(), size_mb: 1 << 40, node: None };
    assert!(matches!(cloud.ensure_volume(&huge).await, Err(CloudError::Exhausted { .. })));
    cloud.remove_volume(&wanted.tag).await.unwrap();
    assert_eq!(cloud.list_volumes().await.unwrap(), []);
}
