//! Applications whose nodes are OpenStack's servers, alone or beside containers of this machine.

use std::path::Path;

use serde_json::Value;

use super::world::{self, World, run_in, wait_until};
use crate::support::director::entries;

#[test]
fn an_application_lives_its_whole_life_in_openstack() {
    world::inside("openstack::application::an_application_lives_its_whole_life_in_openstack", |world| async move {
        let deployment = world.deploy(&[]);
        deployment.insist(&deployment.user, "/startapp/1/stack", &[]).await;
        let application = deployment.rests(1, "RUNNING").await;
        let seen = world.observer.look();
        assert_eq!(application["manager"].as_str(), Some(seen.addresses[0].ip.as_str()));
        assert_eq!(seen.servers[0].name, "conpaas-u1-a1-mgr");
        deployment.start_service("stack").await;
        deployment.add_nodes("stack", 2).await;
        assert_eq!(world.observer.counts(), [4, 4, 4, 0]);

        let agent = deployment.nodes().await.pop().unwrap();
        deployment.create_volume(&agent, 1500).await;
        let volume = world.observer.look().volumes.pop().unwrap();
        assert_eq!((volume.size, volume.name.as_str(), volume.status.as_str()), (2, "vol-data", "in-use"));
        let server = volume.attached[0].clone();
        assert_eq!(format!("stack{server}"), agent);
        let wrote = run_in(&server, "findmnt -n -o SOURCE /media/data && echo kept > /media/data/file && sync");
        assert!(wrote.0, "the agent shows the volume: {}", wrote.1);

        // Stopped from outside, a node is started again, is what it was, and has its volume.
        let _: Value = world.observer.tell(&["act", &server, "os-stop"]);
        wait_until("the server runs again", async || {
            let seen = world.observer.look();
            let is_up = seen.servers.iter().any(|one| one.id == server && one.status == "ACTIVE");
            is_up && deployment.director.log().contains("starting a node again")
        })
        .await;
        wait_until("the volume is shown again with its data", async || {
            std::panic::catch_unwind(|| run_in(&server, "cat /media/data/file")).is_ok_and(|(is_there, _)| is_there)
        })
        .await;
        deployment.delete_volume().await;
        assert_eq!(world.observer.look().volumes, []);
        deployment.remove_nodes(2).await;
        deployment.nothing_is_left_over(&world).await;
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        deployment.nothing_is_left_over(&world).await;
        let log = deployment.director.log();
        assert_eq!(log.matches("a node has joined").count(), 4, "{log}");
        assert!(!log.contains(&world.password()) && !log.contains("PRIVATE KEY"));
    });
}

/// Containers of this machine, and servers.
fn counts(world: &World, containers: &Path) -> (usize, usize) {
    (entries(containers), world.observer.look().servers.len())
}

#[test]
fn an_application_is_spread_over_containers_and_openstack_and_scaled_in_each() {
    let name = "openstack::application::an_application_is_spread_over_containers_and_openstack_and_scaled_in_each";
    world::wholly_inside(name, |world| async move {
        let (base, state) = (world::base().display().to_string(), world.path("containers"));
        // Unprivileged containers pass through to their own files.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(world.directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let own = state.display().to_string();
        let more = [
            ("iaas.OTHER_CLOUDS", "stack, containers"),
            ("containers.DRIVER", "lxc"),
            ("containers.IMAGE", base.as_str()),
            ("containers.STATE_DIR", own.as_str()),
            ("containers.BRIDGE", "conpaas-os0"),
            // A manager in a container reaches agents in OpenStack.
            ("containers.NAT", "true"),
            // Containers do not reach the loopback of this machine.
            ("hostname", "203.0.113.1"),
        ];
        let deployment = world.deploy(&more);
        let containers = state.join("nodes");
        deployment.insist(&deployment.user, "/startapp/1/containers", &[]).await;
        deployment.rests(1, "RUNNING").await;
        assert_eq!(counts(&world, &containers), (1, 0));
        deployment.start_service("stack").await;
        for (cloud, n, expected) in [("containers", 1, (2, 1)), ("stack", 2, (2, 3)), ("containers", 1, (3, 3))] {
            deployment.add_nodes(cloud, n).await;
            assert_eq!(counts(&world, &containers), expected, "{n} more in {cloud}");
        }
        println!("nodes of the application: {:?}", deployment.nodes().await);
        deployment.remove_nodes(4).await;
        wait_until("four nodes are gone", async || {
            let (n_containers, n_servers) = counts(&world, &containers);
            n_containers + n_servers == 2
        })
        .await;
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        wait_until("nothing is left in either cloud", async || counts(&world, &containers) == (0, 0)).await;
        drop(deployment);
        let gone = std::process::Command::new("ip").args(["link", "delete", "conpaas-os0"]).status().unwrap();
        assert!(gone.success());
    });
}
