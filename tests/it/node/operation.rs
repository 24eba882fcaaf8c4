//! What becomes of an operation is told by its id, whatever state its service is in.

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::world::{World, add_nodes, create_volume, delete_volume, start, stop};

fn done() -> (String, Option<String>) {
    ("DONE".to_owned(), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_tells_how_it_ended_also_after_a_restart() {
    let mut world = World::start(&[]).await;
    let sid = world.add("generic").await;
    assert_eq!(world.outcome(start(sid)).await, done());
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    assert_eq!(world.outcome(create_volume("v1", 8, &node)).await, done());
    world.director.refuse("/attach_volume", "no slot");
    let begun = world.try_call(create_volume("v2", 8, &node)).await.unwrap();
    let id = begun["operation_id"].as_str().unwrap().to_owned();
    let (status, reason) = world.outcome_of(&id).await;
    assert_eq!((status.as_str(), world.state(sid).await.as_str()), ("FAILED", "RUNNING"));
    assert!(reason.as_deref().is_some_and(|reason| reason.contains("no slot")), "{reason:?}");
    world.director.accept_again();
    world.director.refuse("/create_nodes", "no address is free");
    let (status, reason) = world.outcome(add_nodes(sid, json!({"count": 5}))).await;
    assert_eq!(status, "FAILED");
    assert!(reason.is_some_and(|reason| reason.contains("no address is free")));
    world.director.accept_again();
    assert_eq!(world.outcome(delete_volume("v1")).await, done());

    world.bench.kill(world.pid);
    world.restart(&[]).await;
    assert_eq!(world.outcome_of(&id).await.0, "FAILED", "a restart forgets no outcome");
    let unknown = world.refused(RpcCall::get(0, "get_operation").param("operation_id", "nope")).await;
    assert_eq!(unknown, "what became of operation 'nope' is not known, or not any more");
    let begun = world.try_call(stop(sid)).await.unwrap();
    let question = RpcCall::get(0, "get_operation").param("operation_id", begun["operation_id"].clone());
    let asked_once = world.ok(question.clone().param("wait_for", 20)).await;
    assert_eq!(asked_once["status"], "DONE", "the answer waits for the end");
    let unusable = world.refused(question.param("wait_for", "soon")).await;
    assert!(unusable.contains("wait_for"), "{unusable}");
    let nothing_to_do = world.try_call(stop(sid)).await.unwrap();
    assert_eq!(nothing_to_do, json!({"state": "STOPPED"}));
    let removal = RpcCall::post(0, "remove_service").param("service_id", sid);
    assert_eq!(world.outcome(removal).await, done(), "an outcome outlives its service");
}
