//! Applications whose nodes are OpenStack's servers, alone or beside containers of this machine.

use std::path::Path;

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};

use crate::director::{Deployment, eventually};
use crate::openstack_world::{self, World, run_in};

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

fn add_nodes(cloud: &str, n: u32) -> RpcCall {
    let call = RpcCall::post(0, "add_nodes").param("service_id", 1);
    call.param("nodes", json!({ "node": n })).param("cloud", cloud)
}

#[test]
fn an_application_lives_its_whole_life_in_openstack() {
    openstack_world::inside("application::an_application_lives_its_whole_life_in_openstack", |world| async move {
        let deployment = Deployment::start(&world, &[]).await;
        deployment.insist(&deployment.user, "/startapp/1/stack", &[]).await;
        let application = deployment.rests(1, "RUNNING").await;
        let seen = world.observer.look();
        assert_eq!(application["manager"].as_str(), Some(seen.addresses[0].ip.as_str()));
        assert_eq!(seen.servers[0].name, "conpaas-u1-a1-mgr");
        deployment.insist(&deployment.user, "/add/generic", &[("appid", "1")]).await;
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "stack");
        deployment.order(1, &start).await;
        deployment.service_rests(1, "RUNNING").await;
        deployment.order(1, &add_nodes("stack", 2)).await;
        deployment.service_rests(1, "RUNNING").await;
        assert_eq!(world.observer.counts(), [4, 4, 4, 0]);

        let info = deployment.order(1, &RpcCall::get(0, "get_app_info")).await;
        let agent = info["nodes"].as_array().unwrap().iter().rev().find_map(Value::as_str).unwrap().to_owned();
        let create = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", 1500);
        deployment.order(1, &create.param("agentId", agent.as_str())).await;
        deployment.service_rests(1, "RUNNING").await;
        let volume = world.observer.look().volumes.pop().unwrap();
        assert_eq!((volume.size, volume.name.as_str(), volume.status.as_str()), (2, "vol-data", "in-use"));
        let server = volume.attached[0].clone();
        assert_eq!(format!("stack{server}"), agent);
        let wrote = run_in(&server, "findmnt -n -o SOURCE /media/data && echo kept > /media/data/file && sync");
        assert!(wrote.0, "the agent shows the volume: {}", wrote.1);

        // Stopped from outside, a node is started again, is what it was, and has its volume.
        let _: Value = world.observer.tell(&["act", &server, "os-stop"]);
        eventually("the server runs again", || async {
            let seen = world.observer.look();
            let is_up = seen.servers.iter().any(|one| one.id == server && one.status == "ACTIVE");
            (is_up && deployment.director.log().contains("starting a node again")).then_some(())
        })
        .await;
        eventually("the volume is shown again with its data", || async {
            std::panic::catch_unwind(|| run_in(&server, "cat /media/data/file")).ok().filter(|(is_there, _)| *is_there)
        })
        .await;
        deployment.order(1, &RpcCall::post(0, "delete_volume").param("volumeName", "data")).await;
        deployment.service_rests(1, "RUNNING").await;
        assert_eq!(world.observer.look().volumes, []);
        let remove = RpcCall::post(0, "remove_nodes").param("service_id", 1).param("nodes", json!({"node": 2}));
        deployment.order(1, &remove).await;
        deployment.service_rests(1, "RUNNING").await;
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
    let name = "application::an_application_is_spread_over_containers_and_openstack_and_scaled_in_each";
    openstack_world::wholly_inside(name, |world| async move {
        let (base, state) = (openstack_world::base().display().to_string(), world.path("containers"));
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
        ];
        let deployment = Deployment::start(&world, &more).await;
        let containers = state.join("nodes");
        deployment.insist(&deployment.user, "/startapp/1/containers", &[]).await;
        deployment.rests(1, "RUNNING").await;
        assert_eq!(counts(&world, &containers), (1, 0));
        deployment.insist(&deployment.user, "/add/generic", &[("appid", "1")]).await;
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "stack");
        deployment.order(1, &start).await;
        deployment.service_rests(1, "RUNNING").await;
        for (cloud, n, expected) in [("containers", 1, (2, 1)), ("stack", 2, (2, 3)), ("containers", 1, (3, 3))] {
            deployment.order(1, &add_nodes(cloud, n)).await;
            deployment.service_rests(1, "RUNNING").await;
            assert_eq!(counts(&world, &containers), expected, "{n} more in {cloud}");
        }
        let info = deployment.order(1, &RpcCall::get(0, "get_app_info")).await;
        println!("nodes of the application: {}", info["nodes"]);
        let remove = RpcCall::post(0, "remove_nodes").param("service_id", 1).param("nodes", json!({"node": 4}));
        deployment.order(1, &remove).await;
        deployment.service_rests(1, "RUNNING").await;
        eventually("four nodes are gone", || async {
            let (n_containers, n_servers) = counts(&world, &containers);
            (n_containers + n_servers == 2).then_some(())
        })
        .await;
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        eventually("nothing is left in either cloud", || async {
            (counts(&world, &containers) == (0, 0)).then_some(())
        })
        .await;
        drop(deployment);
        let gone = std::process::Command::new("ip").args(["link", "delete", "conpaas-os0"]).status().unwrap();
        assert!(gone.success());
    });
}
