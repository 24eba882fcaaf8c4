//! A director that gets another address: the nodes that it left running follow it.

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};
use serde_json::Value;

use crate::support::director::{World, succeed};
use crate::support::wait::eventually;

/// `DIRECTOR_URL` in the configurations of all nodes.
fn known_urls(world: &World) -> Vec<String> {
    let nodes = std::fs::read_dir(world.path("state/clouds/iaas/nodes")).unwrap().flatten();
    let mut urls = Vec::new();
    for node in nodes {
        let text = std::fs::read_to_string(node.path().join("root-fs/root/config.cfg")).unwrap_or_default();
        urls.extend(text.lines().filter_map(|line| line.strip_prefix("DIRECTOR_URL = ")).map(str::to_owned));
    }
    urls
}

#[tokio::test]
async fn running_nodes_are_told_and_work_on() {
    let mut world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let manager = eventually("the application runs", || async {
        let application = world.get(Some(&alice), "/listapp").await.json()[0].clone();
        (application["status"] == "RUNNING").then(|| application["manager"].as_str().unwrap().to_owned())
    })
    .await;
    let client = Client::new(Some(&alice), PeerRule::Manager(UserId(1), ApplicationId(1))).unwrap();
    let manager = Endpoint { host: manager, port: 8443 };
    let call = async |call: RpcCall| client.call(&manager, &call).await.unwrap();
    let running = async |n_nodes: usize| {
        eventually("the service has its nodes", || async {
            let info: Value = call(RpcCall::get(0, "get_app_info")).await;
            let is_there = info["states"]["1"] == "RUNNING" && info["nodes"].as_array().unwrap().len() == n_nodes;
            is_there.then_some(())
        })
        .await;
    };
    call(RpcCall::post(0, "add_service").param("service_type", "helloworld")).await;
    call(RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default")).await;
    running(1).await;
    let old = format!("https://{}:5555", world.endpoint.host);
    assert_eq!(known_urls(&world), [old.clone(), old]);

    world.kill();
    let (network, _) = world.endpoint.host.rsplit_once('.').unwrap();
    let host = format!("{network}.2");
    let listen = format!("director.LISTEN={host}:5555");
    succeed(&mut world.command(&["director", "init", "--hostname", &host, "--set", &listen]));
    world.endpoint.host.clone_from(&host);
    world.run(&[]);
    let new = format!("https://{host}:5555");
    eventually("manager and agent know the new URL", || async {
        (known_urls(&world) == [new.clone(), new.clone()]).then_some(())
    })
    .await;
    let nodes = serde_json::json!({"count": 1});
    let more = RpcCall::post(0, "add_nodes").param("service_id", 1).param("nodes", nodes).param("cloud", "default");
    call(more).await;
    running(2).await;
}
