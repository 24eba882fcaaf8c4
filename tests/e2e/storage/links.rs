//! Volumes that other services mount.

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::{LIMIT, Storage};
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;

#[test]
fn nodes_of_a_service_share_a_volume_now_and_later() {
    let image = world::engines_base();
    world::inside("e2e::storage::links::nodes_of_a_service_share_a_volume_now_and_later", |state| async move {
        let mut storage = Storage::start(&state, image).await;
        storage.create_volume("pictures").await;
        storage.house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
        storage.start_service(2).await;

        for (path, why) in [("/etc/x", "is no directory below"), ("/srv/../etc", "is no directory below")] {
            let call = RpcCall::post(0, "link_storage").param("service_id", 2).param("volume", "pictures");
            let refused = storage.house.try_call(call.param("path", path)).await.unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        storage.house.client(&["user", "get_certificate"]);
        let said = storage.house.client(&["storage", "link", "1", "2", "pictures", "/srv/pictures"]);
        assert!(said.contains("Service 2 has volume 'pictures' at /srv/pictures."), "{said}");
        let first = storage.nodes(2, "master").await.remove(0);
        storage.run(&first, "echo one >/srv/pictures/a && stat -f -c %T /srv/pictures");

        storage.change(2, "add_nodes", "node", 1).await;
        let second = storage.nodes(2, "node").await.remove(0);
        assert_eq!(storage.run(&second, "cat /srv/pictures/a"), "one");
        let links = storage.house.client(&["storage", "links", "1"]);
        assert!(links.contains("pictures /srv/pictures"), "{links}");
        let used = storage.call("deleteVolume", &[("volumeName", json!("pictures"))]).await.unwrap_err();
        assert!(used.contains("service 2 mounts it at /srv/pictures"), "{used}");

        // The mount is killed, and so is everything at once. What is acknowledged meanwhile is in the volume.
        let write = "pkill -9 mfsmount; for i in $(seq 300); do \
                     { echo $i >/srv/pictures/w$i; } 2>/dev/null && echo w$i; sleep 0.01; done; true";
        let acknowledged = storage.run(&second, write);
        mounted_again(&second).await;
        let there = storage.run(&first, "cd /srv/pictures && ls");
        let lost: Vec<&str> = acknowledged.lines().filter(|name| !there.lines().any(|other| other == *name)).collect();
        assert!(lost.is_empty(), "acknowledged, and not in the volume: {lost:?}");
        println!("{} of 300 writes were acknowledged while the mount was away", acknowledged.lines().count());
        let mut vmids = vec![storage.manager.clone(), vmid(&first), vmid(&second)];
        vmids.extend(storage.nodes(1, "osd").await.iter().map(|id| vmid(id)));
        storage.house.cut_power(&vmids);
        storage.house.start();
        for node in [&first, &second] {
            mounted_again(node).await;
        }
        storage.rests_in(2, "RUNNING").await;

        storage.house.client(&["storage", "unlink", "1", "2", "/srv/pictures"]);
        assert!(!world::run_in(&vmid(&first), "test -e /srv/pictures/a").0, "it is still mounted");
        storage.run(&first, "echo x >/srv/pictures/own");
        assert_eq!(storage.house.client(&["storage", "links", "1"]).trim(), "No links.");
    });
}

async fn mounted_again(node: &str) {
    eventually_within(LIMIT, &format!("{node} has the volume again"), async || {
        let (is_well, text) = world::run_in_if_running(&vmid(node), "timeout 5 cat /srv/pictures/a")?;
        (is_well && text == "one").then_some(())
    })
    .await;
}
