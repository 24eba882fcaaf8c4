//! `kill -9` of the director after each of its calls of OpenStack: nothing is
//! left over, no server, port, floating address or volume.

use super::world;
use crate::support::remote::crash::{Points, kill_after_each_call};

const POINTS: Points = Points {
    prefix: "openstack.",
    expected: &[
        "create_server",
        "create_floating_ip",
        "create_volume",
        "attach_volume",
        "detach_volume",
        "delete_volume",
        "delete_floating_ip",
        "delete_server",
    ],
    // Here a call takes long.
    most_passes: 1,
};

#[test]
fn a_director_killed_after_any_call_leaves_nothing_in_openstack() {
    let name = "openstack::crash::a_director_killed_after_any_call_leaves_nothing_in_openstack";
    world::inside(name, |world| async move {
        let mut deployment = world.deploy(&[]);
        kill_after_each_call(&world, &mut deployment, &POINTS).await;
        assert_eq!(world.observer.counts(), [0; 4]);
    });
}
