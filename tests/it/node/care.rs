//! What a manager lets users set of its care for a site, and what it tells of the figures.

use std::time::Duration;

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::bench::endpoint;
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_of_the_care_for_a_site_survives_the_manager_and_nonsense_is_refused() {
    let mut world = World::start(&[]).await;
    assert_eq!(world.add("php").await, 1);
    let idle = json!({"request_rate": 0, "error_rate": 0, "throughput": 0, "response_time": 0});
    assert_eq!(world.ok(RpcCall::get(1, "get_service_performance")).await, idle);
    let on = |cool_down: i64, response_time: i64, strategy: &str| {
        let call = RpcCall::post(1, "on_autoscaling").param("cool_down", cool_down);
        call.param("reponse_time", response_time).param("strategy", strategy)
    };
    for (call, words) in [
        (RpcCall::post(1, "on_autoscaling"), "Missing the mandatory parameter 'cool_down'."),
        (on(-1, 300, "low"), "Parameter 'cool_down': -1 is not more or equal than 0."),
        (
            on(1, 0, "low"),
            "Parameter 'reponse_time': no answer takes 0 ms; give the milliseconds that visitors may wait.",
        ),
        (
            on(1, 300, "highest"),
            "Parameter 'strategy': 'highest' must be one of ['low', 'medium_down', 'medium_up', 'medium', 'high'].",
        ),
        (
            on(1, 300, "low").param("min_nodes", 3).param("max_nodes", 2),
            "Parameter 'max_nodes': 2 is less than min_nodes, 3.",
        ),
        (on(1, 300, "low").param("max_nodes", 1000), "Parameter 'max_nodes': 1000 is more than 100."),
        (
            RpcCall::post(1, "set_self_healing").param("enable", 3),
            "Parameter 'enable': '3' has type 'int', should be bool.",
        ),
    ] {
        assert_eq!(world.refused(call).await, words);
    }
    assert_eq!(world.ok(on(5, 300, "medium_up")).await, json!({}));
    assert_eq!(world.ok(RpcCall::post(1, "set_self_healing").param("enable", false)).await, json!({}));
    world.bench.kill(world.pid);
    world.restart(&[]).await;
    assert_eq!(world.ok(RpcCall::get(1, "get_configuration")).await["autoscaling"], json!(true));
    assert_eq!(world.ok(RpcCall::post(1, "off_autoscaling")).await, json!({}));
    assert_eq!(world.ok(RpcCall::get(1, "get_configuration")).await["autoscaling"], json!(false));
    let history = world.history(1).await;
    let reasons: Vec<&str> =
        history.iter().map(|(_, reason)| reason.as_str()).filter(|word| !word.is_empty()).collect();
    assert_eq!(reasons, ["Autoscaling is on", "Self-healing is off", "Autoscaling is off"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_the_figures_of_all_services() {
    let world = World::start(&[]).await;
    world.add("generic").await;
    world.add("php").await;
    let client = world.bench.user().with_timeout(Duration::from_secs(20));
    let answer = client.get(&endpoint(world.address), "/metrics", &[]).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{text}");
    assert!(text.contains("# TYPE conpaas_requests_per_second gauge\n"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("conpaas_service_running{") && line.ends_with("kind=\"php\"} 0")));
    let elsewhere = client.get(&endpoint(world.address), "/metric", &[]).await.unwrap();
    assert_eq!(elsewhere.status, 404);
}
