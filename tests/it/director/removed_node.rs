//! The certificate of a removed node is good for nothing: its application's other nodes hear of the removal.

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, PeerRule, RpcCall};
use serde_json::{Value, json};

use crate::support::director::World;
use crate::support::wait::eventually;

const MANAGER_PORT: u16 = 8443;
const AGENT_PORT: u16 = 10555;
const REFUSAL: &str = "Your certificate is of a node that was removed";

/// A node as it was when its key was copied.
struct Copied {
    credentials: Credentials,
    number: i64,
    endpoint: Endpoint,
}

/// The nodes of a role, by number, with their keys.
fn nodes(world: &World, role: &str, port: u16) -> Vec<Copied> {
    let directories = std::fs::read_dir(world.path("state/clouds/iaas/nodes")).unwrap().flatten();
    let mut found: Vec<Copied> = directories
        .filter_map(|node| {
            let root = node.path().join("root-fs");
            let credentials = Credentials::load(&root.join(format!("etc/cps{role}/certs"))).ok()?;
            let config = std::fs::read_to_string(root.join("root/config.cfg")).unwrap();
            let host = config.lines().find_map(|line| line.strip_prefix("MY_IP = ")).unwrap().to_owned();
            let number = credentials.identity().unwrap().node.unwrap().get();
            Some(Copied { credentials, number, endpoint: Endpoint { host, port } })
        })
        .collect();
    found.sort_by_key(|node| node.number);
    found
}

/// What `callee` says to whoever holds the key of `caller`.
async fn said(caller: &Copied, callee: &Copied) -> String {
    let client = Client::new(Some(&caller.credentials), PeerRule::AnyNode).unwrap();
    match client.call(&callee.endpoint, &RpcCall::get(0, "check_process")).await {
        Ok(answer) => answer.to_string(),
        Err(CallError::Remote(text)) => text,
        Err(other) => other.to_string(),
    }
}

async fn is_refused(caller: &Copied, callee: &Copied) {
    eventually("the certificate is refused", || async { said(caller, callee).await.contains(REFUSAL).then_some(()) })
        .await;
}

struct House {
    world: World,
    alice: Credentials,
}

impl House {
    async fn start(&self) -> Copied {
        self.world.post(Some(&self.alice), "/startapp/1", &[]).await;
        eventually("the application runs", || async {
            let list = self.world.get(Some(&self.alice), "/listapp").await.json();
            (list[0]["status"] == "RUNNING").then_some(())
        })
        .await;
        nodes(&self.world, "manager", MANAGER_PORT).pop().unwrap()
    }

    async fn call(&self, manager: &Copied, call: RpcCall) -> Value {
        let client = Client::new(Some(&self.alice), PeerRule::Manager(UserId(1), ApplicationId(1))).unwrap();
        client.call(&manager.endpoint, &call).await.unwrap()
    }

    async fn has_nodes(&self, manager: &Copied, n_nodes: usize) {
        eventually("the service has its nodes", || async {
            let info = self.call(manager, RpcCall::get(0, "get_app_info")).await;
            (info["states"]["1"] == "RUNNING" && info["nodes"].as_array().unwrap().len() == n_nodes).then_some(())
        })
        .await;
    }

    async fn start_service(&self, manager: &Copied) {
        self.call(manager, RpcCall::post(0, "add_service").param("service_type", "helloworld")).await;
        self.call(manager, RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default")).await;
        self.has_nodes(manager, 1).await;
    }
}

#[tokio::test]
async fn other_nodes_refuse_it_from_that_moment_on() {
    let world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    let house = House { world, alice };
    let manager = house.start().await;
    house.start_service(&manager).await;
    let add = RpcCall::post(0, "add_nodes").param("service_id", 1).param("cloud", "default");
    house.call(&manager, add.param("nodes", json!({"count": 1}))).await;
    house.has_nodes(&manager, 2).await;
    let agents = nodes(&house.world, "agent", AGENT_PORT);
    let [first, second] = agents.as_slice() else { panic!("two agents") };
    for (caller, callee) in [(second, first), (first, second), (&manager, first)] {
        assert_eq!(said(caller, callee).await, "{}", "{} calls {}", caller.number, callee.number);
    }

    let remove = RpcCall::post(0, "remove_nodes").param("service_id", 1).param("nodes", json!({"count": 1}));
    house.call(&manager, remove).await;
    house.has_nodes(&manager, 1).await;
    is_refused(second, first).await;
    is_refused(second, &manager).await;
    assert_eq!(said(&manager, first).await, "{}", "the others are as good as before");
    assert_eq!(said(&manager, &manager).await, "{}");

    // A new application's nodes never heard of the old ones but from the director.
    house.world.post(Some(&house.alice), "/stopapp/1", &[]).await;
    eventually("all nodes are gone", || async { nodes(&house.world, "agent", AGENT_PORT).is_empty().then_some(()) })
        .await;
    let new_manager = house.start().await;
    assert_ne!(new_manager.number, manager.number);
    house.start_service(&new_manager).await;
    let new_agent = nodes(&house.world, "agent", AGENT_PORT).pop().unwrap();
    for callee in [&new_manager, &new_agent] {
        for caller in [&manager, first, second] {
            assert!(said(caller, callee).await.contains(REFUSAL), "{} at {}", caller.number, callee.number);
        }
    }
    assert_eq!(said(&new_manager, &new_agent).await, "{}");
}
