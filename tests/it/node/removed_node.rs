//! A node that was told which nodes are wanted refuses the others, as a server and as a client.

use conpaas::pki::{Lifetime, NodeNumber, Subject};
use conpaas::rpc::{Client, PeerRule, RpcCall};
use serde_json::json;

use super::bench::{APPLICATION, USER, endpoint};
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_refused_at_both_ends_also_after_a_restart() {
    let mut world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    // The agent gets a certificate that names it, as the real director issues them.
    let issue = |subject: &Subject, number: i64| {
        world.bench.authority.issue_to_node(subject, NodeNumber::new(number).unwrap(), Lifetime::NODE).unwrap()
    };
    let (pid, root) = world.director.node(&node);
    let view = world.ok(RpcCall::get(sid, "get_node_info").param("serviceNodeId", node.as_str())).await;
    let address = view["serviceNode"]["ip"].as_str().unwrap().parse().unwrap();
    issue(&Subject::agent(USER, APPLICATION), 7).save(&root.join("etc/cpsagent/certs")).unwrap();
    world.bench.kill(pid);
    world.bench.start("agent", &root, address, &[]);
    world.bench.await_up(address).await;
    let log = || RpcCall::get(0, "get_agent_log").param("agentId", node.as_str());
    let old_manager = Client::new(Some(&issue(&Subject::manager(USER, APPLICATION), 3)), PeerRule::AnyNode).unwrap();
    let check = RpcCall::get(0, "check_process");
    world.ok(log()).await;
    old_manager.call(&endpoint(world.address), &check).await.unwrap();

    let director = world.bench.client(&Subject::director("x"));
    let told = RpcCall::post(0, "set_wanted_nodes").param("up_to", 9).param("numbers", json!([1, 9]));
    for stranger in [&old_manager, &world.bench.client(&Subject::manager(USER, APPLICATION))] {
        let refused = stranger.call(&endpoint(world.address), &told).await.unwrap_err().to_string();
        assert!(refused.contains("Only the director may say that"), "{refused}");
    }
    director.call(&endpoint(world.address), &told).await.unwrap();
    for is_restarted in [false, true] {
        if is_restarted {
            world.bench.kill(world.pid);
            world.restart(&[]).await;
        }
        let refused = old_manager.call(&endpoint(world.address), &check).await.unwrap_err().to_string();
        assert!(refused.contains("of a node that was removed"), "{refused}");
        let unheard = world.refused(log()).await;
        assert!(unheard.contains(&node), "the manager does not speak with it: {unheard}");
    }
    // What was said stays true, whatever comes after it.
    let less = RpcCall::post(0, "set_wanted_nodes").param("up_to", 3).param("numbers", json!([3]));
    director.call(&endpoint(world.address), &less).await.unwrap();
    assert!(old_manager.call(&endpoint(world.address), &check).await.is_err());
    for wrong in [json!("x"), json!([1, "x"])] {
        let call = RpcCall::post(0, "set_wanted_nodes").param("up_to", 3).param("numbers", wrong);
        assert!(director.call(&endpoint(world.address), &call).await.is_err());
    }
}
