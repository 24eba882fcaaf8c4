//! Several nodes: they come, go and die, and nothing that was acknowledged is lost.

use conpaas::rpc::RpcCall;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{Cluster, LIMIT, PASSWORD, ended, kills, more, servers};
use crate::e2e::house::{kill_managers, vmid};
use crate::e2e::world;
use crate::support::wait::eventually_within;

#[test]
fn nothing_acknowledged_is_lost_while_nodes_come_go_and_die() {
    let image = world::engines_base();
    world::inside(
        "e2e::mysql::cluster::nothing_acknowledged_is_lost_while_nodes_come_go_and_die",
        |state| async move {
            let began = std::time::Instant::now();
            let at = |what: &str| println!("{:5.1} s: {what}", began.elapsed().as_secs_f32());
            let mut cluster = Cluster::start(&state, image, "256M").await;
            cluster.set_password(PASSWORD).await.unwrap();
            let (_, first) = cluster.nodes("mysql").await.remove(0);
            cluster.ask(&first, "CREATE DATABASE shop; CREATE TABLE shop.orders (i BIGINT PRIMARY KEY)");

            at("one node serves");
            // Others join while the first one serves, also when the manager dies in the middle of that.
            let done = state.join("done");
            let writer = cluster.writer(&first, &done);
            cluster.ask_for("add_nodes", "mysql", 2).await;
            eventually_within(LIMIT, "three servers run", async || (servers().len() == 3).then_some(())).await;
            kill_managers();
            cluster.rests_in("RUNNING").await;
            cluster.change("add_nodes", "glb", 1).await;
            ended(writer);
            cluster.expect_all(&done).await;
            at("three nodes and a balancer serve");
            let (_, balancer) = cluster.nodes("glb").await.remove(0);
            for port in [3306, 8010] {
                assert!(cluster.sql(&balancer, port, PASSWORD, "SELECT 1").status.success(), "port {port}");
            }
            speak_tls(&cluster).await;

            // One is killed while somebody writes.
            let writer = cluster.writer_from(1_000_000, &balancer, &done);
            more(&done, 10).await;
            servers()[1].signal(Signal::SIGKILL);
            more(&done, 10).await;
            if kills::is_long() {
                kills::run(&cluster, &done).await;
            }
            ended(writer);
            cluster.expect_all(&done).await;

            at("one is killed and back");
            // The whole machine loses its power while somebody writes.
            let writer = cluster.writer_from(100_000_000, &first, &done);
            more(&done, 10).await;
            cluster.cut_power().await;
            ended(writer);
            cluster.expect_all(&done).await;

            at("the power was cut");
            // Volumes outlive a stop, and the newest data begins.
            let stop = RpcCall::post(0, "stop_service").param("service_id", 1).param("keep_volumes", true);
            cluster.house.try_call(stop).await.unwrap();
            cluster.rests_in("STOPPED").await;
            cluster.start_service().await;
            assert_eq!(cluster.nodes("mysql").await.len(), 3);
            cluster.expect_all(&done).await;

            at("stopped and started");
            // Two may stay where a balancer votes, and not without.
            cluster.change("remove_nodes", "mysql", 1).await;
            let glb = RpcCall::post(0, "remove_nodes").param("nodes", json!({"glb": 1})).param("service_id", 1);
            let refused = cluster.house.try_call(glb).await.unwrap_err();
            assert!(refused.contains("third vote"), "{refused}");
            cluster.expect_all(&done).await;
            at("one has left");
            lose_one_for_good(&cluster).await;
            at("one is lost, and another in its place");
            cluster.expect_all(&done).await;
        },
    );
}

/// The nodes talk by TLS: a connection without it is none.
pub(super) async fn speak_tls(cluster: &Cluster) {
    for (id, _) in cluster.nodes("mysql").await {
        let (_, options) = world::run_in(&vmid(&id), "cat /var/tmp/cpsagent/daemons/mysqld/current/galera.cnf");
        assert!(options.contains("socket.ssl=yes") && options.contains("encrypt = 4"), "{options}");
        let (is_tls, text) =
            world::run_in(&vmid(&id), "grep 'connection established to .* ssl://' /var/cache/cpsagent/mysql.log");
        assert!(is_tls, "{text}");
    }
}

/// The cloud loses a node, all others are killed at once, and nobody could say how far the lost data was. The director
/// knows that it never comes back: the others go on, and a new node gets the data.
async fn lose_one_for_good(cluster: &Cluster) {
    let (lost, _) = cluster.nodes("mysql").await.remove(1);
    let refused = recover(cluster, &lost).await;
    assert!(refused.contains("says how far"), "{refused}");
    cluster.house.lose_node(&vmid(&lost));
    for server in servers() {
        server.signal(Signal::SIGKILL);
    }
    eventually_within(LIMIT, "another node has the data", async || {
        let info = cluster.house.call(RpcCall::get(1, "get_service_info")).await?;
        let nodes = cluster.house.call(RpcCall::get(1, "list_nodes")).await?;
        let has_gone = !nodes.to_string().contains(&format!("\"{lost}\""));
        (info["state"] == "RUNNING" && has_gone && nodes["mysql"].as_array()?.len() == 2).then_some(())
    })
    .await;
    cluster.serve(2).await;
    let history = cluster.house.call(RpcCall::get(1, "get_service_history")).await.unwrap().to_string();
    assert!(history.contains(&format!("Node {lost} does not answer, and is made anew")), "{history}");
}

async fn recover(cluster: &Cluster, node: &str) -> String {
    let call = RpcCall::post(1, "recover").param("without", json!([node]));
    cluster.house.try_call(call).await.unwrap_err()
}
