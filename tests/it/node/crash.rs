//! kill -9 of the manager at every step of every operation.

use std::fs;
use std::time::Duration;

use conpaas::rpc::RpcCall;
use conpaas::task::CRASH_VARIABLE;
use serde_json::json;

use super::world::{
    World, add_nodes, attach_volume, create_volume, delete_volume, remove_nodes, start, stop, stop_keeping_volumes,
};
use crate::support::wait::eventually;

/// What a run of everything changes; the same on every run.
const OPERATIONS: [&str; 10] = [
    "start_service",
    "add_nodes",
    "remove_nodes",
    "create_volume",
    "delete_volume",
    "adapt",
    "stop_keeping_volumes",
    "attach_volume",
    "stop_service",
    "remove_service",
];

/// Every point that operations pass when nothing goes wrong, from a run of
/// all of them, and with one that fails.
async fn all_points() -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("points");
    let world = World::start(&[("CONPAAS_CRASH_LOG", log.to_str().unwrap())]).await;
    for operation in OPERATIONS {
        prepare(&world, operation).await;
        world.ok(call_of(&world, operation).await).await;
        settle(&world).await;
    }
    let sid = world.add("generic").await;
    spoil_code(&world, sid).await;
    world.ok(start(sid)).await;
    settle(&world).await;
    let text = fs::read_to_string(&log).unwrap();
    let mut points: Vec<String> = Vec::new();
    for point in text.lines().filter(|point| !points.iter().any(|known| known == point)).collect::<Vec<_>>() {
        if !points.iter().any(|known| known == point) {
            points.push(point.to_owned());
        }
    }
    points
}

/// Has a start fail after its nodes were made: nothing was pushed to git.
async fn spoil_code(world: &World, sid: i64) {
    world.ok(RpcCall::post(0, "git_push_hook")).await;
    world.ok(RpcCall::post(sid, "enable_code").param("codeVersionId", "git-")).await;
}

/// Points that only a start that fails passes.
fn is_of_failure(point: &str) -> bool {
    ["start_service.failed", "start_service.nodes_given_back"].contains(&point)
}

/// Points that only the start of a service passes that finds a volume again.
fn is_of_kept_volume(point: &str) -> bool {
    point.starts_with("start_service.volume_")
}

/// Brings the world to where `operation` can be asked for.
async fn prepare(world: &World, operation: &str) {
    let sid = match world.state(1).await.as_str() {
        "REMOVED" => world.add("generic").await,
        _ => 1,
    };
    assert_eq!(sid, 1);
    let is_running = world.state(1).await == "RUNNING";
    if !is_running && !["start_service", "remove_service"].contains(&operation) {
        world.start_service(1).await;
    }
    if world.state(1).await == "RUNNING" {
        world.await_no_scripts(1).await;
    }
    if operation == "remove_nodes" && world.node_ids().await.len() < 2 {
        world.ok(add_nodes(1, json!({"node": 1}))).await;
        settle(world).await;
        world.await_no_scripts(1).await;
    }
    if operation == "attach_volume" && world.director.kept().is_empty() {
        keep_volume_of_another_service(world).await;
    }
    if ["delete_volume", "stop_keeping_volumes"].contains(&operation) {
        let volumes = world.ok(RpcCall::post(0, "list_volumes")).await;
        if volumes["volumes"].as_array().unwrap().is_empty() {
            let node = world.node_ids().await.remove(0);
            world.ok(create_volume("v", 1, &node)).await;
            settle(world).await;
        }
    }
}

/// Has a second service keep a volume, which no start of the first one finds.
async fn keep_volume_of_another_service(world: &World) {
    let sid = world.add("generic").await;
    let before = world.node_ids().await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let nodes = world.node_ids().await;
    let node = nodes.iter().find(|node| !before.contains(node)).unwrap();
    world.ok(create_volume("w", 1, node)).await;
    settle(world).await;
    world.ok(stop_keeping_volumes(sid)).await;
    settle(world).await;
}

async fn call_of(world: &World, operation: &str) -> RpcCall {
    match operation {
        "start_service" => start(1),
        "add_nodes" => add_nodes(1, json!({"node": 2})),
        "remove_nodes" => remove_nodes(1, json!({"node": 1})),
        "create_volume" => create_volume("v", 1, &world.node_ids().await[0]),
        "delete_volume" => delete_volume("v"),
        "stop_keeping_volumes" => stop_keeping_volumes(1),
        "attach_volume" => attach_volume("w", &world.node_ids().await[0]),
        "adapt" => RpcCall::post(1, "enable_code").param("codeVersionId", "code-default"),
        "stop_service" => stop(1),
        _ => RpcCall::post(0, "remove_service").param("service_id", 1),
    }
}

/// Waits until no service is on its way.
async fn settle(world: &World) {
    eventually("no service is on its way", async || {
        let info = world.try_call(RpcCall::get(0, "get_app_info")).await?;
        let states = info["states"].as_object().unwrap();
        let on_its_way = |state: &str| ["PROLOGUE", "ADAPTING", "EPILOGUE"].contains(&state);
        (!states.values().any(|state| on_its_way(state.as_str().unwrap()))).then_some(())
    })
    .await;
}

/// Nodes and volumes that the manager knows are those that the director has.
async fn expect_nothing_lost(world: &World, point: &str) {
    let what = format!("after {point} nodes and volumes are those that the director has");
    eventually(&what, async || {
        let mut known = world.node_ids().await;
        known.sort();
        let volumes = world.ok(RpcCall::post(0, "list_volumes")).await;
        let mut names = world.director.kept();
        names.extend(volumes["volumes"].as_array().unwrap().iter().map(|volume| {
            let name = volume["vol_name"].as_str().unwrap();
            name.to_owned()
        }));
        names.sort();
        names.dedup();
        let n_volumes = names.len();
        let mut there = world.director.nodes();
        there.sort();
        (known == there && n_volumes == world.director.n_volumes()).then_some(())
    })
    .await;
}

async fn crash_at(point: &str) {
    let operation = point.split('.').next().unwrap();
    let mut world = World::start(&[]).await;
    prepare_first(&world, operation).await;
    prepare(&world, operation).await;
    if is_of_failure(point) {
        spoil_code(&world, 1).await;
    }
    if is_of_kept_volume(point) {
        prepare(&world, "stop_keeping_volumes").await;
        world.ok(stop_keeping_volumes(1)).await;
        settle(&world).await;
    }
    let call = call_of(&world, operation).await;
    world.bench.kill(world.pid);
    world.restart(&[(CRASH_VARIABLE, point)]).await;
    // The answer may be lost with the manager.
    let _answer = world.try_call(call).await;
    assert!(world.bench.wait_end(world.pid, Duration::from_secs(60)), "{point} was never passed");
    world.restart(&[]).await;
    settle(&world).await;
    expect_nothing_lost(&world, point).await;
    let state = world.state(1).await;
    let wanted = match operation {
        "stop_service" | "stop_keeping_volumes" => "STOPPED",
        "remove_service" => "REMOVED",
        "start_service" if is_of_failure(point) => "ERROR",
        _ => "RUNNING",
    };
    assert_eq!(state, wanted, "after {point}: {:?}", world.director.log());
    if operation == "stop_keeping_volumes" {
        assert_eq!(world.director.kept(), ["v"], "after {point}");
    }
    // And it goes on working.
    if state == "RUNNING" {
        world.ok(stop(1)).await;
        world.await_state(1, "STOPPED").await;
        expect_nothing_lost(&world, point).await;
        assert!(world.director.nodes().is_empty());
    }
}

async fn prepare_first(world: &World, operation: &str) {
    if operation == "remove_service" {
        world.add("generic").await;
        world.start_service(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_killed_at_any_step_finishes_or_undoes_its_work() {
    let points = all_points().await;
    for operation in OPERATIONS {
        let n = points.iter().filter(|point| point.split('.').next() == Some(operation)).count();
        assert!(n >= 2, "{operation} passes {n} points: {points:?}");
    }
    assert!(points.iter().any(|point| point.ends_with(".failed")), "{points:?}");
    println!("{} points: {points:?}", points.len());
    for point in &points {
        crash_at(point).await;
    }
}
