//! What a manager does about an agent that is gone for a moment, and about a
//! database that is gone for good.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::world::{World, create_volume};
use crate::support::wait::eventually;

fn log(world: &World) -> String {
    let read = |name: &str| std::fs::read_to_string(world.root.join(name)).unwrap_or_default();
    read("var/log/cpsmanager.log") + &read("root/console")
}

/// Moves a database with what SQLite keeps beside it.
fn move_database(from: &Path, to: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let [from, to] = [from, to].map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        });
        if from.exists() {
            std::fs::rename(from, to).unwrap();
        }
    }
}

#[tokio::test]
async fn an_agent_that_was_killed_in_the_middle_of_a_step_is_asked_again() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    let node = world.node_ids().await[0].clone();
    let (pid, root) = world.director.node(&node);
    world.ok(create_volume("v1", 10, &node)).await;
    // The stand-in answers on this thread: nothing is attached before the agent is gone.
    while !world.director.log().iter().any(|line| line.starts_with("/create_volume")) {
        tokio::task::yield_now().await;
    }
    world.bench.kill(pid);
    eventually("the agent is asked again", async || log(&world).contains("asking an agent again").then_some(())).await;
    let own = world.address.octets();
    let last = node.trim_start_matches("iaasn").parse().unwrap();
    let agent = world.bench.start("agent", &root, Ipv4Addr::new(own[0], own[1], own[2], last), &[]);
    world.await_state(sid, "RUNNING").await;
    let info = world.ok(conpaas::rpc::RpcCall::get(0, "get_app_info")).await;
    assert_eq!(info["volumes"].as_array().map(Vec::len), Some(1), "{info}");
    world.bench.kill(agent);
}

#[tokio::test]
async fn a_manager_without_its_database_says_so_and_does_not_start_from_nothing() {
    let mut world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.bench.kill(world.pid);
    let database = world.root.join("var/cache/cpsmanager/manager.db");
    assert!(database.exists(), "{}", database.display());
    let aside = world.root.join("aside.db");
    move_database(&database, &aside);
    std::fs::write(&database, "").unwrap();
    world.pid = world.bench.start("manager", &world.root, world.address, &[]);
    let user = &world.user;
    let told = eventually("the manager says what is wrong", async || {
        let call = conpaas::rpc::RpcCall::get(0, "get_app_info");
        user.call(&super::bench::endpoint(world.address), &call)
            .await
            .err()
            .map(|error| error.to_string())
            .filter(|text| !text.contains("cannot reach"))
    })
    .await;
    assert!(told.contains("is gone or empty") && told.contains("start it again"), "{told}");
    assert_eq!(std::fs::metadata(&database).unwrap().len(), 0, "it did not begin anew");
    // Put back, all is as it was.
    world.bench.kill(world.pid);
    std::fs::remove_file(&database).unwrap();
    move_database(&aside, &database);
    world.restart(&[]).await;
    assert_eq!(world.state(sid).await, "RUNNING");
}
