//! One thing that cannot be put right does not keep the others from it.

use conpaas::model::UserId;
use conpaas::pki::{Lifetime, Subject};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};

use crate::support::director::{World, entries, own_network};
use crate::support::wait::eventually;

#[tokio::test]
async fn a_node_that_cannot_be_removed_does_not_keep_others() {
    let [first, second] = own_network();
    let network = format!("127.{first}.{second}.0/25");
    let other = [("iaas.OTHER_CLOUDS", "two"), ("two.DRIVER", "process"), ("two.NETWORK", network.as_str())];
    let mut world = World::start_with(&other, &[]);
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/createapp", &[("name", "second")]).await;
    // The one that cannot be removed later is the first in every list.
    world.post(Some(&alice), "/startapp/2/two", &[]).await;
    world.post(Some(&alice), "/startapp/1", &[]).await;
    eventually("both run", || async {
        let list = world.get(Some(&alice), "/listapp").await.json();
        list.as_array().unwrap().iter().all(|application| application["status"] == "RUNNING").then_some(())
    })
    .await;
    world.kill();
    let path = world.path("director.cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut is_in_two = false;
    let kept = text.lines().filter(|line| {
        if line.starts_with('[') {
            is_in_two = line.trim() == "[two]";
        }
        !is_in_two && !line.starts_with("OTHER_CLOUDS")
    });
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, kept).unwrap();
    world.run(&[]);
    for application in ["/stopapp/2", "/stopapp/1"] {
        world.post(Some(&alice), application, &[]).await;
    }
    let nodes = |cloud: &str| {
        let directory = world.path("state/clouds").join(cloud).join("nodes");
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())).count()
    };
    eventually("the node of the cloud that is there is removed", || async { (nodes("iaas") == 0).then_some(()) }).await;
    assert_eq!(nodes("two"), 1);
    let log = world.log();
    assert!(log.contains("cannot remove a node") && log.contains("does not name it any more"), "{log}");
    assert_eq!(world.get(None, "/version").await.text, "2.0.0");
}

/// A recursive removal needs a descriptor and a stack frame for each level.
#[tokio::test]
async fn a_tree_without_end_in_a_node_is_removed_and_the_director_lives() {
    // Some disks take milliseconds for each directory that goes.
    let place = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let state = place.path().join("state");
    let mut world = World::start_with(&[("director.STATE_DIR", state.to_str().unwrap())], &[]);
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    eventually("it runs", || async {
        let list = world.get(Some(&alice), "/listapp").await.json();
        (list[0]["status"] == "RUNNING").then_some(())
    })
    .await;
    let nodes = state.join("clouds/iaas/nodes");
    let node = std::fs::read_dir(&nodes).unwrap().next().unwrap().unwrap().path();
    let directory = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut here = open(&node.join("root-fs/root"), directory, Mode::empty()).unwrap();
    for _ in 0..20_000 {
        mkdirat(&here, "d", Mode::S_IRWXU).unwrap();
        here = openat(&here, "d", directory, Mode::empty()).unwrap();
    }
    drop(here);
    assert_eq!(world.post(Some(&alice), "/stopapp/1", &[]).await.status, 200);
    eventually("its node is gone", || async { (entries(&nodes) == 0).then_some(()) }).await;
    assert!(world.is_running(), "{}", world.log());
    world.kill();
}
