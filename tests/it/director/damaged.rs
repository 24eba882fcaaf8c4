//! Damaged records of nodes, and nodes that die while they are made.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};

use crate::support::director::{CONPAAS, World, entries};
use crate::support::wait::eventually;

fn alice(world: &World) -> Credentials {
    world.add_user("alice");
    world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER)
}

async fn rests(world: &World, alice: &Credentials, aid: usize, state: &str) -> serde_json::Value {
    eventually(&format!("application {aid} is {state}"), || async {
        let list = world.get(Some(alice), "/listapp").await.json();
        let application = list[aid - 1].clone();
        (application["status"] == state).then_some(application)
    })
    .await
}

#[tokio::test]
async fn a_node_with_a_damaged_record_keeps_its_address_until_it_is_gone() {
    let world = World::start();
    let alice = alice(&world);
    world.post(Some(&alice), "/createapp", &[("name", "second")]).await;
    let nodes = world.path("state/clouds/iaas/nodes");
    for damage in ["", "{", "gone"] {
        world.post(Some(&alice), "/startapp/1", &[]).await;
        let first = rests(&world, &alice, 1, "RUNNING").await;
        for entry in std::fs::read_dir(&nodes).unwrap() {
            let record = entry.unwrap().path().join("node.json");
            match damage {
                "gone" => std::fs::remove_file(record).unwrap(),
                text => std::fs::write(record, text).unwrap(),
            }
        }
        world.post(Some(&alice), "/startapp/2", &[]).await;
        let second = rests(&world, &alice, 2, "RUNNING").await;
        assert_ne!(first["manager"], second["manager"], "{damage}");
        assert_eq!(rests(&world, &alice, 1, "RUNNING").await["manager"], first["manager"]);
        for path in ["/stopapp/1", "/stopapp/2"] {
            world.post(Some(&alice), path, &[]).await;
        }
        eventually("both are removed", || async { (entries(&nodes) == 0).then_some(()) }).await;
        let host = first["manager"].as_str().unwrap();
        assert!(std::net::TcpStream::connect((host, 8443)).is_err(), "{damage}: it still runs");
    }
}

#[tokio::test]
async fn what_runs_without_any_record_is_ended_before_its_address_is_given_again() {
    let world = World::start();
    let alice = alice(&world);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let before = rests(&world, &alice, 1, "RUNNING").await;
    std::fs::remove_dir_all(world.path("state/clouds/iaas")).unwrap();
    let lost = rests(&world, &alice, 1, "ERROR").await;
    assert!(lost["reason"].as_str().unwrap().contains("has lost the manager's node"), "{lost}");
    world.post(Some(&alice), "/stopapp/1", &[]).await;
    rests(&world, &alice, 1, "STOPPED").await;
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let after = rests(&world, &alice, 1, "RUNNING").await;
    assert_eq!(before["manager"], after["manager"], "it is the first address again");
    assert!(world.log().contains("ended a node that no record names"), "{}", world.log());
}

/// A program in place of the real one that dies the first `n_deaths` times.
fn mortal(world: &World, n_deaths: usize) -> String {
    let program = world.path("mortal");
    let count = world.path("deaths");
    let text = format!(
        "#!/bin/sh\necho x >>'{0}'\n[ $(wc -l <'{0}') -gt {n_deaths} ] || exit 1\nexec '{CONPAAS}' \"$@\"\n",
        count.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program.display().to_string()
}

#[tokio::test]
async fn a_node_that_dies_while_it_is_made_is_started_again_or_fails_at_once() {
    for (n_deaths, state) in [(1, "RUNNING"), (1000, "ERROR")] {
        let mut world = World::prepare(&[("director.NODE_START_TIMEOUT", "10m")]);
        let set = format!("iaas.PROGRAM={}", mortal(&world, n_deaths));
        let host = world.endpoint.host.clone();
        crate::support::director::succeed(&mut world.command(&[
            "director",
            "init",
            "--hostname",
            &host,
            "--set",
            &set,
        ]));
        world.run(&[]);
        let alice = alice(&world);
        let began = Instant::now();
        world.post(Some(&alice), "/startapp/1", &[]).await;
        let application = rests(&world, &alice, 1, state).await;
        if state == "ERROR" {
            let reason = application["reason"].as_str().unwrap();
            assert!(reason.contains("the node ended while it was made, 3 times"), "{reason}");
        }
        assert!(began.elapsed() < Duration::from_secs(300), "it did not wait for the limit");
    }
}
