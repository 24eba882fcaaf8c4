//! A power cut: director, managers, agents and scripts end at the same
//! moment, and only the director is started again.

use std::fs;
use std::process::Command;

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::house::{House, succeed, vmid};
use super::world;

async fn an_upload_takes_room_of_its_managers_disk(house: &House, manager: &str) {
    let used = || {
        let (_, text) = world::run_in(manager, "sync; df -k / | tail -n 1 | tr -s ' ' | cut -d' ' -f3");
        text.parse::<u64>().unwrap()
    };
    let (archive, data, before) = (house.state.join("code.tar"), house.state.join("big"), used());
    fs::write(&data, vec![b'x'; 8 << 20]).unwrap();
    succeed(Command::new("tar").args([
        "-C".as_ref(),
        house.state.as_os_str(),
        "-cf".as_ref(),
        archive.as_os_str(),
        "big".as_ref(),
    ]));
    let upload =
        RpcCall::upload(1, "upload_code_version").param("description", "big").file("code", archive, "code.tar");
    let answer = house.call(upload).await.unwrap();
    assert!(answer["codeVersionId"].is_string(), "{answer}");
    let taken = used() - before;
    assert!((8 << 10..16 << 10).contains(&taken), "{taken} kB of the disk of the manager");
}

#[test]
fn after_a_power_cut_everything_is_there_again() {
    world::inside("e2e::power::after_a_power_cut_everything_is_there_again", |state| async move {
        let mut house = House::build(&state);
        let manager = house.start_application().await;
        house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
        house.call(start).await.unwrap();
        house.rests().await;
        let add = RpcCall::post(0, "add_nodes").param("service_id", 1).param("cloud", "default");
        house.call(add.param("nodes", json!({"node": 1}))).await.unwrap();
        house.rests().await;
        house.scripts().await;
        let info = house.call(RpcCall::get(0, "get_app_info")).await.unwrap();
        let nodes: Vec<String> = serde_json::from_value(info["nodes"].clone()).unwrap();
        assert_eq!(nodes.len(), 2);
        let volume = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", 8);
        house.call(volume.param("agentId", nodes[0].as_str())).await.unwrap();
        house.rests().await;
        let master = vmid(&nodes[0]);
        let (is_written, text) = world::run_in(&master, "echo kept > /media/data/file; sync");
        assert!(is_written, "{text}");
        an_upload_takes_room_of_its_managers_disk(&house, &manager).await;
        let (memory, scripts, credit) = (house.memory().await, house.scripts().await, house.credit().await);
        assert_eq!(credit, 50 - 3, "one credit for each of three nodes");

        let mut all: Vec<String> = nodes.iter().map(|id| vmid(id)).collect();
        all.push(manager);
        house.cut_power(&all);
        house.start();

        house.rests().await;
        assert_eq!(house.memory().await, memory);
        assert_eq!(house.scripts().await, scripts, "how scripts ended is known");
        house
            .eventually("the volume is mounted with its data", async || {
                let (_, text) = world::run_in(&master, "cat /media/data/file; grep -c ' /media/data ' /proc/mounts");
                (text == "kept\n1").then_some(())
            })
            .await;
        assert_eq!(house.credit().await, credit, "nothing is charged twice");
        // It is not only there, it works.
        let run = RpcCall::post(1, "execute_script").param("command", "run").param("parameters", "");
        house.eventually("scripts run", async || house.call(run.clone()).await).await;
        let status = house.scripts().await;
        for id in &nodes {
            assert_eq!(status["agents"][id]["run.sh"], "STOPPED (return code 0)", "{status}");
        }
        house
            .eventually("the volume is deleted", async || {
                house.call(RpcCall::post(0, "delete_volume").param("volumeName", "data")).await
            })
            .await;
        house.rests().await;
        house.ask("/stopapp/1", &[]).await.unwrap();
        house.eventually("nothing is left", async || world::remains(&state).is_empty().then_some(())).await;
    });
}
