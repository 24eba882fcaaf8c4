//! Three clouds at once: containers, instances of the mock of EC2, and plain processes.

use std::path::{Path, PathBuf};

use super::world;
use crate::support::director::entries;
use crate::support::ec2::World;
use crate::support::wait::eventually;

/// Nodes of each cloud.
fn counts(world: &World, containers: &Path, processes: &Path) -> (usize, usize, usize) {
    (entries(containers), world.observer.instances().len(), entries(processes))
}

#[test]
fn an_application_is_spread_over_containers_and_instances_and_scaled_in_each() {
    let name = "e2e::clouds::an_application_is_spread_over_containers_and_instances_and_scaled_in_each";
    world::inside(name, |state| async move {
        crate::support::ec2::route_to_the_mock();
        let ec2 = World::start().await;
        let (base, own) = (world::base().display().to_string(), state.join("cloud").display().to_string());
        let deployment = ec2.deploy(&[
            ("iaas.OTHER_CLOUDS", "amazon, containers"),
            ("containers.DRIVER", "lxc"),
            ("containers.IMAGE", &base),
            ("containers.STATE_DIR", &own),
            // The mock's instances are this machine's.
            ("containers.HOST_PORTS", "5555"),
            ("hostname", "172.16.0.1"),
            // Not at the port of agents, whose addresses are this machine's too.
            ("director.LISTEN", "0.0.0.0:5554"),
            // Both containers and the mock's addresses lead to it.
            ("director.DIRECTOR_URL", "https://172.16.0.1:5554"),
        ]);
        let containers = state.join("cloud/nodes");
        let processes: PathBuf = deployment.director.path("state/clouds/iaas/nodes");
        deployment.insist(&deployment.user, "/createapp", &[("name", "second")]).await;
        // The second application is in the third cloud alone.
        deployment.insist(&deployment.user, "/startapp/1/containers", &[]).await;
        deployment.insist(&deployment.user, "/startapp/2", &[]).await;
        deployment.rests(1, "RUNNING").await;
        deployment.rests(2, "RUNNING").await;
        assert_eq!(counts(&ec2, &containers, &processes), (1, 0, 1));
        deployment.start_service("amazon").await;
        for (cloud, n, expected) in
            [("containers", 1, (2, 1, 1)), ("amazon", 2, (2, 3, 1)), ("containers", 1, (3, 3, 1))]
        {
            deployment.add_nodes(cloud, n).await;
            assert_eq!(counts(&ec2, &containers, &processes), expected, "{n} more in {cloud}");
        }
        println!("nodes of the application: {:?}", deployment.nodes().await);

        // One cloud is away: the other, and the third's application, go on.
        ec2.proxy.hang(true);
        deployment.add_nodes("containers", 1).await;
        assert_eq!(entries(&containers), 4);
        deployment.insist(&deployment.user, "/stopapp/2", &[]).await;
        eventually("the process is gone", || async { (entries(&processes) == 0).then_some(()) }).await;
        ec2.proxy.hang(false);

        deployment.remove_nodes(4).await;
        eventually("four nodes are gone", || async {
            let (n_containers, n_instances, _) = counts(&ec2, &containers, &processes);
            (n_containers + n_instances == 3).then_some(())
        })
        .await;
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        eventually("nothing is left in any cloud", || async {
            (counts(&ec2, &containers, &processes) == (0, 0, 0)).then_some(())
        })
        .await;
        drop(deployment);
        assert_eq!(world::remains(&state), Vec::<String>::new());
    });
}
