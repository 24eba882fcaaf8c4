//! Servers that come and go: volumes are there all the while.

use serde_json::{Value, json};

use super::{LIMIT, Storage};
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;
use conpaas::rpc::RpcCall;

#[test]
fn servers_come_and_go_and_every_file_is_there() {
    let image = world::engines_base();
    world::inside("e2e::storage::servers::servers_come_and_go_and_every_file_is_there", |state| async move {
        let began = std::time::Instant::now();
        let at = |what: &str| println!("{:5.1} s: {what}", began.elapsed().as_secs_f32());
        let storage = Storage::start(&state, image).await;
        let first = storage.nodes(1, "osd").await.remove(0);
        assert_eq!(storage.nodes(1, "dir").await, std::slice::from_ref(&first));
        assert_eq!(storage.nodes(1, "mrc").await, std::slice::from_ref(&first));
        at("one node serves");
        words_of_before(&storage, &first).await;
        storage.create_volume("pictures").await;
        let again = storage.call("createVolume", &[("volumeName", json!("pictures"))]).await.unwrap_err();
        assert!(again.starts_with("The volume could not be created"), "{again}");
        secrets(&storage, &first);

        storage.change(1, "add_nodes", "osd", 2).await;
        at("three servers");
        let servers = storage.nodes(1, "osd").await;
        assert_eq!(servers.len(), 3);
        // Another node of the same application, which is a client too.
        let client = &servers[1];
        storage.mount(client, "pictures", "/mnt/pictures").await;
        storage.run(client, "cd /mnt/pictures && head -c 20000000 /dev/urandom >large && for i in $(seq 200); do echo $i >s$i; done; sync");
        let sum = storage.run(client, "md5sum </mnt/pictures/large");
        at("200 files are written");
        copies(&storage, &first).await;

        let count = "cd /mnt/pictures && ls | wc -l && md5sum <large";
        storage.ask_for(1, "remove_nodes", "osd", 1).await.unwrap();
        // Readable all the while, and told how far it is.
        let n_read = std::cell::Cell::new(0);
        eventually_within(LIMIT, "one server has left", async || {
            assert_eq!(storage.run(client, count), format!("201\n{sum}"));
            n_read.set(n_read.get() + 1);
            let info = storage.house.call(RpcCall::get(1, "get_service_info")).await?;
            (info["state"] == "RUNNING").then_some(())
        })
        .await;
        at(&format!("one has left; read {} times", n_read.get()));
        assert_eq!(storage.nodes(1, "osd").await, servers[..2]);
        let log = world::run_in(&storage.manager, "cat /var/log/cpsmanager1.log").1;
        assert!(log.contains("before ") && log.contains(" chunks are copied to other servers"), "{log}");
        assert_eq!(storage.run(client, count), format!("201\n{sum}"));

        // The metadata is killed in the middle of writes.
        storage.run(&first, "kill -9 $(pidof mfsmaster)");
        storage.run(client, "cd /mnt/pictures && echo late >after && sync after");
        at("the metadata came back");
        assert_eq!(storage.run(client, "cat /mnt/pictures/after; md5sum </mnt/pictures/large"), format!("late\n{sum}"));
        quota(&storage, client).await;
        assert_eq!(storage.call("deleteVolume", &[("volumeName", json!("pictures"))]).await, Ok(json!({})));
        assert!(!storage.run(&first, "ls /var/run/cpsagent/xtreemfs/all").contains("pictures"));
        at("the volume is gone");
    });
}

/// The methods and texts of ConPaaS 2.0.
async fn words_of_before(storage: &Storage, first: &str) {
    let info = storage.house.call(RpcCall::get(1, "get_service_info")).await.unwrap();
    assert_eq!(info, json!({"state": "RUNNING", "type": "xtreemfs", "persistent": true, "osd_volume_size": 1024}));
    let call = RpcCall::get(1, "get_node_info").param("serviceNodeId", first);
    let node = storage.house.call(call).await.unwrap()["serviceNode"].take();
    assert_eq!((&node["dir"], &node["mrc"], &node["osd"]), (&json!(true), &json!(true), &json!(true)));
    assert_eq!(node["role"], "dir_mrc_osd");
    for (role, text) in [
        ("osd", "Requesting to delete 1 osd nodes while none can be removed"),
        ("dir", "Cannot remove the DIR node."),
        ("mrc", "Cannot remove the MRC node."),
    ] {
        assert_eq!(storage.ask_for(1, "remove_nodes", role, 1).await, Err(text.to_owned()));
    }
    for (method, policies) in [
        ("list_striping_policies", "RAID0"),
        ("list_replication_policies", "ronly, WaR1, WqRq"),
        ("list_osd_sel_policies", "DEFAULT, FQDN, UUID, DCMAP, VIVALDI"),
        ("list_replica_sel_policies", "DEFAULT, FQDN, DCMAP, VIVALDI"),
    ] {
        let found = storage.house.call(RpcCall::get(1, method)).await;
        assert_eq!(found, Some(json!({ "policies": policies })), "{method}");
    }
    let passphrase = [("passphrase", json!("secret")), ("adminflag", json!(false))];
    let certificate = storage.call("get_client_cert", &passphrase).await.unwrap();
    assert!(certificate["cert"].as_str().is_some_and(|cert| cert.len() > 1000), "{certificate}");
}

/// Passwords are in files for their account alone, and in no list of processes.
fn secrets(storage: &Storage, first: &str) {
    let files = "find /var/tmp/cpsagent -name '*.cfg' -perm /077 -path '*mfs*'; find /var/tmp/cpsagent/xtreemfs.json -perm /077";
    assert_eq!(storage.run(first, files), "");
    let words = storage.run(first, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
    let exports = storage.run(first, "cat /var/tmp/cpsagent/daemons/mfsmaster/current/mfsexports.cfg");
    for password in exports.split("password=").skip(1).filter_map(|rest| rest.lines().next()) {
        assert!(password.len() >= 32 && !words.contains(password));
    }
}

/// Two servers have each file as soon as there are two.
async fn copies(storage: &Storage, first: &str) {
    let class = storage.run(first, "mfsgetsclass /var/run/cpsagent/xtreemfs/all/pictures");
    assert!(class.ends_with(": 2"), "{class}");
    eventually_within(LIMIT, "no chunk waits for a copy", async || {
        let servers = storage.house.call(RpcCall::get(1, "get_servers")).await?;
        (servers["n_waiting"] == 0).then_some(())
    })
    .await;
    let servers = storage.house.call(RpcCall::get(1, "get_servers")).await.unwrap();
    let states: Vec<&Value> = servers["servers"].as_array().unwrap().iter().map(|server| &server["state"]).collect();
    assert_eq!(states, ["serves"; 3], "{servers}");
}

async fn quota(storage: &Storage, client: &str) {
    let limit = [("volumeName", json!("pictures")), ("size", json!(64))];
    assert_eq!(storage.call("set_volume_quota", &limit).await, Ok(json!({})));
    let too_much = "head -c 100000000 /dev/zero >/mnt/pictures/zeros && sync /mnt/pictures/zeros";
    let (is_well, text) = world::run_in(&vmid(client), too_much);
    assert!(!is_well, "100 MB fit into 64 MB: {text}");
}
