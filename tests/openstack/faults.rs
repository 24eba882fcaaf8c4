//! Parts of OpenStack that fail while they are needed.

use std::time::{Duration, Instant};

use conpaas::cloud::Cloud;
use serde_json::Value;

use super::world::{self, World};
use crate::support::remote::node::{node, volume};

/// The unit with nova's compute in it, and that with keystone.
fn units(world: &World) -> (&'static str, &'static str) {
    match std::fs::read_to_string(world.openstack.join("mode")).unwrap().trim() {
        "lite" => ("nova", "identity"),
        _ => ("nova-compute", "keystone"),
    }
}

#[test]
fn a_nova_compute_that_is_killed_while_it_makes_a_node_leaves_nothing() {
    let name = "openstack::faults::a_nova_compute_that_is_killed_while_it_makes_a_node_leaves_nothing";
    world::inside(name, |world| async move {
        let (compute, _) = units(&world);
        let cloud = std::sync::Arc::new(world.cloud());
        for pause in [0, 500, 1500].map(Duration::from_millis) {
            let making = tokio::spawn({
                let cloud = std::sync::Arc::clone(&cloud);
                async move { cloud.ensure_node(&node("n1")).await }
            });
            while cloud.list_nodes().await.unwrap().is_empty() {
                assert!(!making.is_finished(), "it is made or refused before it is seen");
            }
            tokio::time::sleep(pause).await;
            world.service("kill", compute);
            let state = tokio::task::block_in_place(|| {
                world.service("start", compute);
                world.observer.look().servers[0].status.clone()
            });
            // Nova finds its half server when it is back, and finishes it or gives it up.
            let outcome = making.await.unwrap();
            println!(
                "nova-compute was killed {pause:?} after the server was seen, which was {state} then: {outcome:?}"
            );
            if let Err(error) = outcome {
                assert!(error.to_string().contains("make node n1"), "{error}");
            }
            cloud.remove_node(&"n1".parse().unwrap()).await.unwrap();
            assert_eq!(world.observer.counts(), [0; 4]);
        }
        // And goes on as before.
        let made = cloud.ensure_node(&node("n2")).await.unwrap();
        cloud.remove_node(&made.tag).await.unwrap();
    });
}

#[test]
fn a_keystone_that_is_started_again_is_waited_for() {
    world::inside("openstack::faults::a_keystone_that_is_started_again_is_waited_for", |world| async move {
        let (_, keystone) = units(&world);
        let cloud = world.cloud();
        world.service("kill", keystone);
        let began = Instant::now();
        let wanted = volume("v1", 1, None);
        let (made, ()) = tokio::join!(cloud.ensure_volume(&wanted), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            tokio::task::block_in_place(|| world.service("start", keystone));
        });
        println!("a volume while keystone was away: {:?}", began.elapsed());
        let made = made.unwrap();
        let node = cloud.ensure_node(&node("n1")).await.unwrap();
        cloud.remove_node(&node.tag).await.unwrap();
        cloud.remove_volume(&made.tag).await.unwrap();
        world.service("kill", keystone);
        let began = Instant::now();
        let findings = world.cloud().check().await;
        world.service("start", keystone);
        assert!(findings.len() == 1 && findings[0].text.contains("cannot reach 127.0.0.1:5000"), "{findings:?}");
        assert!(began.elapsed() < Duration::from_secs(60), "somebody waits for it: {:?}", began.elapsed());
    });
}

#[test]
fn a_token_that_keystone_takes_back_is_renewed() {
    world::inside("openstack::faults::a_token_that_keystone_takes_back_is_renewed", |world| async move {
        let cloud = world.cloud();
        // Nova and neutron remember that the token was good; cinder has not seen it yet.
        assert_eq!(cloud.list_nodes().await.unwrap(), []);
        let _: Value = world.observer.tell(&["revoke_tokens"]);
        let made = cloud.ensure_volume(&volume("v1", 1, None)).await.unwrap();
        let node = cloud.ensure_node(&node("n1")).await.unwrap();
        cloud.attach_volume(&made.tag, &node.tag, "sdb").await.unwrap();
        cloud.remove_node(&node.tag).await.unwrap();
        cloud.remove_volume(&made.tag).await.unwrap();
    });
}

#[test]
fn a_network_that_is_away_is_told_and_nothing_is_lost() {
    world::inside("openstack::faults::a_network_that_is_away_is_told_and_nothing_is_lost", |world| async move {
        let cloud = world.cloud();
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        let glance = OnlyFor { world: &world, unit: "glance" };
        world.service("kill", "glance");
        // What is known already needs no glance; nova does, and says so.
        let error = cloud.ensure_node(&node("n2")).await;
        drop(glance);
        println!("a node while glance is away: {error:?}");
        cloud.remove_node(&"n2".parse().unwrap()).await.unwrap();
        assert_eq!(cloud.list_nodes().await.unwrap(), std::slice::from_ref(&made));
        cloud.remove_node(&made.tag).await.unwrap();
    });
}

/// Starts a service again when the test is done with its absence.
struct OnlyFor<'a> {
    world: &'a World,
    unit: &'static str,
}

impl Drop for OnlyFor<'_> {
    fn drop(&mut self) {
        self.world.service("start", self.unit);
    }
}
