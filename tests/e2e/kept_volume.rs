//! Volumes of real containers outlive a stop of their service, and of their application.

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};

use super::house::{House, vmid};
use super::world;

impl House {
    async fn only_node(&self) -> String {
        let info = self.call(RpcCall::get(0, "get_app_info")).await.unwrap();
        let nodes: Vec<String> = serde_json::from_value(info["nodes"].clone()).unwrap();
        let [node] = nodes.as_slice() else { panic!("one node: {nodes:?}") };
        node.clone()
    }

    async fn start_service(&self) -> String {
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
        self.call(start).await.unwrap();
        self.rests().await;
        self.scripts().await;
        self.only_node().await
    }

    async fn volume(&self) -> Value {
        let volumes = self.ask("/list_volumes", &[]).await.unwrap();
        assert_eq!(volumes.as_array().map(Vec::len), Some(1), "{volumes}");
        json!([volumes[0]["name"], volumes[0]["state"], volumes[0]["service_id"]])
    }
}

#[test]
fn what_is_on_a_volume_survives_a_stop_that_keeps_it() {
    world::inside("e2e::kept_volume::what_is_on_a_volume_survives_a_stop_that_keeps_it", |state| async move {
        let mut house = House::build(&state);
        house.start_application().await;
        house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
        let node = house.start_service().await;
        let volume = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", 8);
        house.call(volume.param("agentId", node.as_str())).await.unwrap();
        house.rests().await;
        // Not flushed, and in use when the stop comes.
        let script = "echo kept > /media/data/file; cd /media/data; nohup sleep 600 >/dev/null 2>&1 &";
        assert!(world::run_in(&vmid(&node), script).0);
        house.call(RpcCall::post(0, "stop_service").param("service_id", 1).param("keep_volumes", true)).await.unwrap();
        house.rests_in("STOPPED").await;
        assert_eq!(house.volume().await, json!(["data", "kept", 1]));

        let again = house.start_service().await;
        assert_ne!(again, node, "another container");
        let (_, text) = world::run_in(&vmid(&again), "cat /media/data/file; grep -c ' /media/data ' /proc/mounts");
        assert_eq!(text, "kept\n1");
        assert_eq!(house.volume().await, json!(["data", "attached", 1]));
        assert!(world::run_in(&vmid(&again), "echo again >> /media/data/file").0);

        // The whole application goes, and its manager with all that it knows.
        house.ask("/stopapp/1", &[("keep_volumes", "true")]).await.unwrap();
        house.eventually("no container is left", async || world::remains(&state).is_empty().then_some(())).await;
        assert_eq!(house.volume().await, json!(["data", "kept", null]));
        house.ask("/startapp/1", &[]).await.unwrap();
        house
            .eventually("the application is RUNNING", async || {
                let list = house.ask("/listapp", &[]).await?;
                (list[0]["status"] == "RUNNING").then_some(())
            })
            .await;
        house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
        let node = house.start_service().await;
        let attach = RpcCall::post(0, "attach_volume").param("volumeName", "data").param("agentId", node.as_str());
        house.call(attach).await.unwrap();
        house.rests().await;
        assert_eq!(world::run_in(&vmid(&node), "cat /media/data/file").1, "kept\nagain");
        assert_eq!(house.volume().await, json!(["data", "attached", 1]));
        house.ask("/deleteapp/1", &[]).await.unwrap();
        house.eventually("nothing is left", async || world::remains(&state).is_empty().then_some(())).await;
    });
}
