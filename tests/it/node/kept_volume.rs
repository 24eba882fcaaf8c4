//! Volumes that outlive a stop, and come back.

use std::fs;
use std::path::PathBuf;

use conpaas::rpc::{CallError, RpcCall};
use serde_json::json;

use super::bench::{endpoint, tar_of};
use super::world::{World, add_nodes, attach_volume, create_volume, start, stop, stop_keeping_volumes};

fn done() -> (String, Option<String>) {
    ("DONE".to_owned(), None)
}

/// Starts a service with the volume `data`, in which something is written. Returns the service.
async fn with_data(world: &World) -> i64 {
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    assert_eq!(world.outcome(create_volume("data", 8, &node)).await, done());
    fs::write(file(world, &node), b"mine").unwrap();
    sid
}

fn file(world: &World, node: &str) -> PathBuf {
    world.director.node(node).1.join("media/data/file")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_finds_what_a_stop_kept() {
    let mut world = World::start(&[]).await;
    let sid = with_data(&world).await;
    assert_eq!(world.outcome(stop_keeping_volumes(sid)).await, done());
    assert_eq!((world.director.n_volumes(), world.director.kept()), (1, vec!["data".to_owned()]));
    assert!(world.director.nodes().is_empty());
    assert_eq!(world.ok(RpcCall::post(0, "list_volumes")).await, json!({"volumes": []}), "the director has it");
    world.bench.kill(world.pid);
    world.restart(&[]).await;

    // A script that runs at the start sees it already.
    let copy = "cd \"${0%/var/cache/*}/media/data\" && cp file copy";
    let archive = world.file("copy.tar", &tar_of(&[("init.sh", copy)]));
    let upload = RpcCall::upload(sid, "upload_code_version").file("code", archive, "copy.tar");
    let version = world.ok(upload).await["codeVersionId"].as_str().unwrap().to_owned();
    world.ok(RpcCall::post(sid, "enable_code").param("codeVersionId", version)).await;
    assert_eq!(world.outcome(start(sid)).await, done());
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    assert_eq!(fs::read(file(&world, &node)).unwrap(), b"mine");
    assert_eq!(fs::read(file(&world, &node).with_file_name("copy")).unwrap(), b"mine");
    let volumes = world.ok(RpcCall::post(0, "list_volumes")).await;
    assert_eq!((&volumes["volumes"][0]["vol_name"], &volumes["volumes"][0]["vm_id"]), (&json!("data"), &json!(node)));
    assert!(world.director.kept().is_empty(), "it is in use");
    // In use again, it goes with a stop that says nothing.
    assert_eq!(world.outcome(stop(sid)).await, done());
    assert_eq!(world.director.n_volumes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_kept_what_was_kept() {
    let world = World::start(&[]).await;
    let sid = with_data(&world).await;
    assert_eq!(world.outcome(stop_keeping_volumes(sid)).await, done());
    for (route, words) in [("/attach_volume", "no slot"), ("/use_volume", "no record")] {
        world.director.refuse(route, words);
        let (status, reason) = world.outcome(start(sid)).await;
        assert_eq!(status, "FAILED");
        assert!(reason.as_deref().is_some_and(|reason| reason.contains(words)), "{reason:?}");
        world.director.accept_again();
        assert_eq!((world.director.n_volumes(), world.director.kept()), (1, vec!["data".to_owned()]), "{route}");
        world.ok(stop(sid)).await;
        world.await_state(sid, "STOPPED").await;
    }
    assert_eq!(world.outcome(start(sid)).await, done());
    let node = world.node_ids().await.remove(0);
    assert_eq!(fs::read(file(&world, &node)).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_stay_until_the_director_knows_what_to_keep() {
    let world = World::start(&[]).await;
    let sid = with_data(&world).await;
    world.director.refuse("/keep_volume", "not now");
    world.outcome(stop_keeping_volumes(sid)).await;
    assert_eq!((world.director.n_volumes(), world.director.nodes().len()), (1, 1), "nothing goes before it is kept");
    // The next start sees to it first.
    let (status, _) = world.outcome(start(sid)).await;
    assert_eq!(status, "FAILED");
    world.director.accept_again();
    world.ok(stop(sid)).await;
    world.await_state(sid, "STOPPED").await;
    assert_eq!((world.director.kept(), world.director.nodes().len()), (vec!["data".to_owned()], 0));
    assert_eq!(world.outcome(start(sid)).await, done());
    let node = world.node_ids().await.remove(0);
    assert_eq!(fs::read(file(&world, &node)).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_the_director_has_lost_holds_up_no_stop() {
    let world = World::start(&[]).await;
    let sid = with_data(&world).await;
    world.director.refuse("/keep_volume", "Volume vol-0 not found in application 3");
    assert_eq!(world.outcome(stop_keeping_volumes(sid)).await, done());
    assert!(world.director.nodes().is_empty());
    let log = world.ok(RpcCall::get(sid, "get_manager_log")).await.to_string();
    assert!(log.contains("volume 'data' cannot be kept"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_volume_is_attached_to_a_node_that_works() {
    let world = World::start(&[]).await;
    let sid = with_data(&world).await;
    assert_eq!(world.outcome(stop_keeping_volumes(sid)).await, done());
    let other = world.add("generic").await;
    world.start_service(other).await;
    world.await_no_scripts(other).await;
    let node = world.node_ids().await.remove(0);
    assert_eq!(
        world.refused(attach_volume("nope", &node)).await,
        "Parameter 'volumeName': 'nope' must be one of ['data']."
    );
    assert_eq!(
        world.refused(attach_volume("data", "x")).await,
        format!("Parameter 'agentId': 'x' must be one of ['{node}'].")
    );
    world.director.refuse("/use_volume", "no record");
    assert_eq!(world.outcome(attach_volume("data", &node)).await.0, "FAILED");
    world.director.accept_again();
    assert!(!file(&world, &node).exists() && world.director.kept() == ["data"]);
    assert_eq!(world.outcome(attach_volume("data", &node)).await, done());
    assert_eq!(fs::read(file(&world, &node)).unwrap(), b"mine");
    world.ok(add_nodes(other, json!({"node": 1}))).await;
    world.await_state(other, "RUNNING").await;
    assert!(world.director.kept().is_empty());
    assert_eq!(world.outcome(stop(other)).await, done());
    assert_eq!(world.director.n_volumes(), 0, "in use, it goes with its node");
}

async fn call_words(world: &World, call: RpcCall) -> String {
    match world.user.call(&endpoint(world.address), &call).await {
        Ok(answer) => answer.to_string(),
        Err(CallError::Remote(words)) => words,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_under_way_does_not_change_its_mind() {
    let world = World::start(&[]).await;
    let sid = with_data(&world).await;
    let wrong = world.refused(stop(sid).param("keep_volumes", "perhaps")).await;
    assert!(wrong.contains("keep_volumes"), "{wrong}");
    world.ok(stop(sid)).await;
    let second = call_words(&world, stop_keeping_volumes(sid)).await;
    // The first may be at its end already.
    let is_refused = second == "The service is being stopped already, and does not keep its volumes";
    assert!(is_refused || second == r#"{"state":"STOPPED"}"#, "{second}");
    world.await_state(sid, "STOPPED").await;
    assert!(world.director.kept().is_empty());
}
