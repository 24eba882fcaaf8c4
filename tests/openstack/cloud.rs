//! The cloud through its trait.

use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conpaas::cloud::{Cloud, CloudError, NodeSpec};
use conpaas::config::{Floating, OpenStackConfig};
use conpaas::model::NodeRole;
use futures_util::future::join_all;
use serde_json::Value;

use super::world::{self, World, run_in, wait_until};
use crate::support::remote::node::{node, volume};

#[test]
fn a_node_is_made_once_found_again_stopped_started_and_removed() {
    let name = "openstack::cloud::a_node_is_made_once_found_again_stopped_started_and_removed";
    world::inside(name, |world| async move {
        let cloud = world.cloud();
        let mut spec = node("n1");
        spec.role = NodeRole::Manager;
        let made = cloud.ensure_node(&spec).await.unwrap();
        assert_eq!(cloud.ensure_node(&spec).await.unwrap(), made);
        let seen = world.observer.look();
        assert_eq!(seen.counts(), [1, 1, 1, 0]);
        let server = &seen.servers[0];
        assert_eq!((made.vmid.as_str(), made.port, made.is_running), (server.id.as_str(), 443, true));
        assert_eq!((server.name.as_str(), server.status.as_str()), ("conpaas-n1", "ACTIVE"));
        assert_eq!((server.key.as_deref(), &server.groups), (Some("conpaas-test"), &vec!["conpaas-test".to_owned()]));
        assert_eq!(server.tags, ["conpaas-d1"]);
        let metadata = [
            ("conpaas-cloud", "stack"),
            ("conpaas-director", "d1"),
            ("conpaas-node", "n1"),
            ("conpaas-role", "manager"),
        ];
        assert_eq!(server.metadata, metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        let told: String = world.observer.tell(&["user_data", &server.id]);
        assert_eq!(STANDARD.decode(told).unwrap(), b"#invitation 1\n");
        assert_eq!(made.ip.to_string(), seen.addresses[0].ip);
        assert_eq!(made.ip.octets()[..3], [203, 0, 113]);
        assert_eq!(made.private_ip.octets()[..3], [198, 51, 100]);
        assert_eq!(cloud.list_nodes().await.unwrap(), std::slice::from_ref(&made));
        wait_until("the node asks for its invitation", async || run_in(&made.vmid, "ps ax | grep -q 'conpaas join'").0)
            .await;

        for (cloud, director) in [("other", "d1"), ("stack", "d2")] {
            let other =
                conpaas::cloud::openstack::OpenStackCloud::new(&cloud.parse().unwrap(), &world.config(), director);
            let other = other.unwrap();
            assert_eq!(other.list_nodes().await.unwrap(), []);
            other.remove_node(&made.tag).await.unwrap();
        }
        cloud.stop_node(&made.tag).await.unwrap();
        cloud.stop_node(&made.tag).await.unwrap();
        assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
        assert_eq!(cloud.ensure_node(&spec).await.unwrap(), made, "it is started again, with its addresses");
        cloud.remove_node(&made.tag).await.unwrap();
        cloud.remove_node(&made.tag).await.unwrap();
        assert_eq!(cloud.list_nodes().await.unwrap(), []);
    });
}

#[test]
fn nodes_are_made_beside_each_other_and_speak_on_their_consoles() {
    let name = "openstack::cloud::nodes_are_made_beside_each_other_and_speak_on_their_consoles";
    world::inside(name, |world| async move {
        let cloud = world.cloud();
        let specs: Vec<NodeSpec> = ["n1", "n2", "n3", "n4"].map(node).into();
        let began = std::time::Instant::now();
        let made = join_all(specs.iter().map(|spec| cloud.ensure_node(spec))).await;
        let made: Vec<_> = made.into_iter().collect::<Result<_, _>>().unwrap();
        println!("4 nodes: {:?}", began.elapsed());
        let mut addresses: Vec<Ipv4Addr> = made.iter().flat_map(|node| [node.ip, node.private_ip]).collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 8);
        assert_eq!(world.observer.counts(), [4, 4, 4, 0]);
        let tells_its_address = async || cloud.console(&made[0].tag).await.contains("udhcpc: lease of");
        wait_until("the console tells how the node got its address", tells_its_address).await;
        let removed = join_all(made.iter().map(|node| cloud.remove_node(&node.tag))).await;
        assert!(removed.iter().all(Result::is_ok), "{removed:?}");
    });
}

#[test]
fn without_the_directors_addresses_a_node_has_its_own_alone() {
    world::inside("openstack::cloud::without_the_directors_addresses_a_node_has_its_own_alone", |world| async move {
        let cloud = world.cloud_with(&OpenStackConfig { floating: Floating::ByCloud, ..world.config() }, "d1");
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        assert_eq!(made.ip, made.private_ip);
        assert_eq!(world.observer.counts(), [1, 1, 0, 0]);
        // One that somebody else gives it is the node's from then on, and nova's to take away.
        let given = world.cloud().ensure_node(&node("n1")).await.unwrap();
        assert_eq!((&given.vmid, given.private_ip), (&made.vmid, made.private_ip));
        assert_ne!(given.ip, made.ip);
        assert_eq!(world.observer.counts(), [1, 1, 1, 0]);
        cloud.remove_node(&made.tag).await.unwrap();
    });
}

#[test]
fn an_address_that_the_project_has_is_taken_when_the_quota_allows_no_more_and_left_to_it() {
    let name =
        "openstack::cloud::an_address_that_the_project_has_is_taken_when_the_quota_allows_no_more_and_left_to_it";
    world::inside(name, |world| async move {
        let cloud = world.cloud();
        let before = world.observer.quota("network", "floatingip", 1);
        let own: String = world.observer.tell(&["new_address"]);
        let made = cloud.ensure_node(&node("n1")).await;
        let second = cloud.ensure_node(&node("n2")).await;
        let seen = world.observer.look();
        cloud.remove_node(&"n1".parse().unwrap()).await.unwrap();
        cloud.remove_node(&"n2".parse().unwrap()).await.unwrap();
        let after = world.observer.look();
        let _: Value = world.observer.tell(&["delete_address", &own]);
        world.observer.quota("network", "floatingip", before);
        assert_eq!(made.unwrap().ip.to_string(), seen.addresses[0].ip);
        let error = second.unwrap_err();
        assert!(matches!(error, CloudError::Exhausted { .. }), "{error}");
        assert!(
            error.to_string().contains("the project's quota is used up (Quota exceeded for resources: "),
            "{error}"
        );
        assert_eq!((after.addresses.len(), after.addresses[0].port.as_str()), (1, ""), "it is the project's own");
    });
}

#[test]
fn an_address_whose_server_is_gone_is_found_and_given_back() {
    world::inside("openstack::cloud::an_address_whose_server_is_gone_is_found_and_given_back", |world| async move {
        let cloud = world.cloud();
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        let _: Value = world.observer.tell(&["delete_server", &made.vmid]);
        wait_until("the server is gone", async || world.observer.counts() == [0, 0, 1, 0]).await;
        let listed = cloud.list_nodes().await.unwrap();
        assert_eq!((listed.len(), &listed[0].tag, listed[0].is_running), (1, &made.tag, false));
        // Wanted still, the node is made anew and has the same address.
        let again = cloud.ensure_node(&node("n1")).await.unwrap();
        assert_eq!(again.ip, made.ip);
        let _: Value = world.observer.tell(&["delete_server", &again.vmid]);
        wait_until("the server is gone", async || world.observer.counts() == [0, 0, 1, 0]).await;
        cloud.remove_node(&made.tag).await.unwrap();
    });
}

#[test]
fn a_volume_keeps_its_data_from_node_to_node() {
    world::inside("openstack::cloud::a_volume_keeps_its_data_from_node_to_node", |world| async move {
        let cloud = world.cloud();
        let (first_spec, second_spec) = (node("n1"), node("n2"));
        let (first, second) = tokio::join!(cloud.ensure_node(&first_spec), cloud.ensure_node(&second_spec));
        let (first, second) = (first.unwrap(), second.unwrap());
        let made = cloud.ensure_volume(&volume("v1", 1025, None)).await.unwrap();
        assert_eq!(cloud.ensure_volume(&volume("v1", 1025, None)).await.unwrap(), made);
        let seen = world.observer.look().volumes;
        assert_eq!((seen.len(), seen[0].size, seen[0].name.as_str()), (1, 2, "vol-v1"), "2 GB for 1025 MB");

        let began = std::time::Instant::now();
        cloud.attach_volume(&made.tag, &first.tag, "sdb").await.unwrap();
        println!("attach: {:?}", began.elapsed());
        cloud.attach_volume(&made.tag, &first.tag, "sdb").await.unwrap();
        let listed = cloud.list_volumes().await.unwrap();
        assert_eq!(listed[0].attached_to.as_ref(), Some(&first.vmid));
        let elsewhere = cloud.attach_volume(&made.tag, &second.tag, "sdb").await.unwrap_err().to_string();
        assert!(elsewhere.contains(&format!("it is attached to server {}", first.vmid)), "{elsewhere}");
        let wrote = run_in(
            &first.vmid,
            "set -e; mke2fs -q -t ext4 /dev/vdb; mkdir -p /mnt/v; mount /dev/vdb /mnt/v; echo kept > /mnt/v/data; umount /mnt/v",
        );
        assert!(wrote.0, "{}", wrote.1);
        let began = std::time::Instant::now();
        cloud.detach_volume(&made.tag).await.unwrap();
        println!("detach: {:?}", began.elapsed());
        cloud.detach_volume(&made.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap()[0].attached_to, None);
        assert!(run_in(&first.vmid, "test ! -e /dev/vdb").0, "the device has gone");

        cloud.attach_volume(&made.tag, &second.tag, "sdb").await.unwrap();
        let read = run_in(&second.vmid, "mkdir -p /mnt/v && mount /dev/vdb /mnt/v && cat /mnt/v/data; umount /mnt/v");
        assert_eq!(read, (true, "kept".to_owned()));
        // A node that goes leaves its volume.
        cloud.remove_node(&second.tag).await.unwrap();
        wait_until("the volume is free", async || world.observer.look().volumes[0].status == "available").await;
        cloud.attach_volume(&made.tag, &first.tag, "sdb").await.unwrap();
        let read = run_in(&first.vmid, "mount /dev/vdb /mnt/v && cat /mnt/v/data; umount /mnt/v");
        assert_eq!(read, (true, "kept".to_owned()));
        // One that is removed is detached first.
        cloud.remove_volume(&made.tag).await.unwrap();
        cloud.remove_volume(&made.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap(), []);
        let missing = cloud.attach_volume(&made.tag, &first.tag, "sdb").await.unwrap_err();
        assert!(matches!(missing, CloudError::NoVolume { .. }), "{missing}");
        cloud.remove_node(&first.tag).await.unwrap();
        let missing = cloud.attach_volume(&made.tag, &first.tag, "sdb").await.unwrap_err();
        assert!(matches!(missing, CloudError::NoNode { .. }), "{missing}");
    });
}

pub(crate) async fn refused(world: &World, config: &OpenStackConfig) -> String {
    world.cloud_with(config, "d1").ensure_node(&node("n1")).await.unwrap_err().to_string()
}
