//! Nodes that an administrator stopped stay so, beside a director that runs.

use std::net::TcpStream;

use conpaas::model::UserId;
use conpaas::pki::{Lifetime, Subject};

use crate::support::director::{World, succeed};
use crate::support::wait::eventually;

const MANAGER_PORT: u16 = 8443;

#[tokio::test]
async fn nodes_stay_stopped_until_somebody_starts_them() {
    let mut world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let manager = eventually("it runs", || async {
        let list = world.get(Some(&alice), "/listapp").await.json();
        (list[0]["status"] == "RUNNING").then(|| list[0]["manager"].as_str().unwrap().to_owned())
    })
    .await;
    let answers = || TcpStream::connect((manager.as_str(), MANAGER_PORT)).is_ok();
    assert!(answers());

    let said = succeed(&mut world.command(&["director", "stop-nodes"]));
    assert!(String::from_utf8_lossy(&said.stdout).starts_with("stopped "), "{said:?}");
    // The line is written where a node would be started again.
    let stays = || async { world.log().contains("nodes stay stopped").then_some(()) };
    eventually("the director leaves it stopped", stays).await;
    assert!(!answers() && !world.log().contains("starting a node again"), "{}", world.log());
    let check = world.command(&["director", "check"]).output().unwrap();
    assert!(String::from_utf8_lossy(&check.stdout).contains("they stay stopped"), "{check:?}");

    succeed(&mut world.command(&["director", "start-nodes"]));
    eventually("it answers again", || async { answers().then_some(()) }).await;
    let said = succeed(&mut world.command(&["director", "start-nodes"]));
    assert_eq!(String::from_utf8_lossy(&said.stdout), "the nodes were not stopped\n");

    succeed(&mut world.command(&["director", "stop-nodes"]));
    eventually("it has ended", || async { (!answers()).then_some(()) }).await;
    world.kill();
    world.run(&[]);
    eventually("a director that starts has started it", || async { answers().then_some(()) }).await;
}
