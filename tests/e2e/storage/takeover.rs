//! Another node has the metadata when the first one hangs, or is gone for good.

use std::time::Instant;

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::kills::{ended, expect_all, more, writer};
use super::{LIMIT, Storage};
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;

/// Where the nodes of another service mount the volume.
const PLACE: &str = "/srv/v";
/// Nobody in the node answers any more, and nobody outside of it knows whether they work on.
const HANG: &str = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | \
    grep -q '^[^ ]*\\(conpaas agent\\|mfsmaster\\|mfschunkserver\\|mfsmount\\)' && kill -STOP ${p#/proc/}; done; true";

#[test]
fn a_copy_of_the_metadata_takes_over() {
    let image = world::engines_base();
    world::inside("e2e::storage::takeover::a_copy_of_the_metadata_takes_over", |state| async move {
        let storage = Storage::start(&state, image).await;
        let alone = storage.call("promote", &[]).await.unwrap_err();
        assert!(alone.contains("no other node keeps a copy"), "{alone}");
        storage.create_volume("v").await;
        storage.change(1, "add_nodes", "osd", 2).await;
        storage.change(1, "add_nodes", "dir", 1).await;
        let client = user(&storage).await;
        whole_copy(&storage).await;
        let first_writer = writer(&client, PLACE);
        more(&client, 10).await;
        ended(first_writer, &client);
        let answering = storage.call("promote", &[]).await.unwrap_err();
        assert!(answering.contains("answers: nothing has to take over"), "{answering}");

        let first = storage.nodes(1, "dir").await.remove(0);
        storage.run(&first, HANG);
        let began = Instant::now();
        eventually_within(LIMIT, "the first node is given up", async || storage.call("promote", &[]).await.ok()).await;
        storage.rests_in(1, "RUNNING").await;
        let second_writer = writer(&client, PLACE);
        more(&client, 10).await;
        println!("a copy took over and programs write after {:.1} s", began.elapsed().as_secs_f32());
        ended(second_writer, &client);
        assert!(!storage.nodes(1, "dir").await.contains(&first));
        // The master lists the lost one still, as one that is away.
        let servers = storage.house.call(RpcCall::get(1, "get_servers")).await.unwrap();
        assert_eq!((servers["servers"].as_array().unwrap().len(), &servers["n_lost"]), (2, &json!(0)), "{servers}");
        expect_all(&storage, &client, PLACE);
        if std::env::var_os("CONPAAS_TEST_LONG").is_some() {
            by_itself(&storage, &client).await;
        }
    });
}

/// Where the director knows that the node is gone, nobody has to say it.
async fn by_itself(storage: &Storage, client: &str) {
    storage.change(1, "add_nodes", "dir", 1).await;
    whole_copy(storage).await;
    let first = storage.nodes(1, "dir").await.remove(0);
    let began = Instant::now();
    storage.house.lose_node(&vmid(&first));
    eventually_within(LIMIT, "another node has the metadata", async || {
        let info = storage.house.call(RpcCall::get(1, "get_service_info")).await?;
        let nodes = storage.house.call(RpcCall::get(1, "list_nodes")).await?;
        (info["state"] == "RUNNING" && !nodes.to_string().contains(&format!("\"{first}\""))).then_some(())
    })
    .await;
    let writer = writer(client, PLACE);
    more(client, 10).await;
    println!("a copy took over by itself and programs write after {:.1} s", began.elapsed().as_secs_f32());
    ended(writer, client);
    expect_all(storage, client, PLACE);
}

/// A node of another service that has the volume; returns its id.
async fn user(storage: &Storage) -> String {
    storage.house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
    storage.start_service(2).await;
    storage.house.client(&["user", "get_certificate"]);
    storage.house.client(&["storage", "link", "1", "2", "v", PLACE]);
    let node = storage.nodes(2, "master").await.remove(0);
    assert_eq!(storage.run(&node, &format!("stat -f -c %T {PLACE}")), "fuseblk");
    node
}

async fn whole_copy(storage: &Storage) {
    let copy = storage.nodes(1, "dir").await.pop().unwrap();
    let found = "tail -c 16 /media/*/xtreemfs/metadata/metadata_ml.mfs.back | grep -F '[MFS EOF MARKER]'";
    eventually_within(LIMIT, "the copy is whole", async || world::run_in(&vmid(&copy), found).0.then_some(())).await;
    // It is refused because of the first node, which answers.
    let refused = storage.call("promote", &[]).await.unwrap_err();
    assert!(refused.contains("nothing has to take over"), "{refused} {}", json!(copy));
}
