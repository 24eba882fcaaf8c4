//! `kill -9` of the director after each of its calls of the cloud: nothing is
//! left over, no instance, no volume.

use crate::support::ec2;
use crate::support::remote::crash::{Points, kill_after_each_call};

const POINTS: Points = Points {
    prefix: "ec2.",
    expected: &["RunInstances", "TerminateInstances", "CreateVolume", "AttachVolume", "DetachVolume", "DeleteVolume"],
    most_passes: 3,
};

#[test]
fn a_director_killed_after_any_call_leaves_no_instance_and_no_volume() {
    ec2::inside(
        "it::ec2::crash::a_director_killed_after_any_call_leaves_no_instance_and_no_volume",
        |world| async move {
            let mut deployment = world.deploy(&[]);
            kill_after_each_call(&world, &mut deployment, &POINTS).await;
            assert_eq!((world.observer.instances(), world.observer.volumes()), (vec![], vec![]));
        },
    );
}
