//! Names of the local network: real avahi makes them known, for as long as the service runs.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use super::super::world;
use super::house::{House, PI};
use crate::support::wait::wait_until_within;

const LIMIT: Duration = Duration::from_secs(20);
const AVAHI: &str = "[server]\nhost-name=pi\nuse-ipv6=no\nallow-interfaces=lan0\n[publish]\npublish-workstation=no\n";

#[test]
fn a_name_is_known_in_the_house_while_its_service_runs() {
    let image = world::engines_base();
    world::inside("e2e::ingress::names::a_name_is_known_in_the_house_while_its_service_runs", |state| async move {
        let mut house = House::without_ingress(&state, &image);
        let _avahi = Avahi::start(&house);
        house.start_ingress();
        house.deploy_echo();
        assert_eq!(house.phone(&["resolve", "blog.local"]), "nobody");
        house.client("publish echo 1 --name blog");
        house.until("the name is known", || house.phone(&["resolve", "blog.local"]) == PI);
        house.await_page("80", &["Host: blog.local"], "200");
        house.client("publish echo 1 --maintenance on");
        house.until("the name is not known", || house.phone(&["resolve", "blog.local"]) == "nobody");
        house.client("publish echo 1 --maintenance off");
        house.until("the name is known again", || house.phone(&["resolve", "blog.local"]) == PI);
        house.client("unpublish echo 1");
        house.until("the name is not known", || house.phone(&["resolve", "blog.local"]) == "nobody");
        house.end_ingress(nix::sys::signal::Signal::SIGTERM);
        house.end_nginx();
    });
}

/// avahi with its bus, in the machine's network; both end with the test.
struct Avahi([Child; 2]);

impl Avahi {
    fn start(house: &House) -> Avahi {
        // This world has mounts of its own.
        for place in ["/run/dbus", "/run/avahi-daemon"] {
            std::fs::create_dir_all(place).expect("it is writable");
            assert!(
                Command::new("mount").args(["-t", "tmpfs", "tmpfs", place]).status().expect("it is there").success()
            );
        }
        let configuration = house.write("avahi.conf", AVAHI);
        let bus = house.in_machine(&["dbus-daemon", "--system", "--nofork", "--nopidfile"]);
        wait_until_within(LIMIT, "the bus", || Path::new("/run/dbus/system_bus_socket").exists().then_some(()));
        let words = ["avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", &configuration];
        let avahi = house.in_machine(&words);
        wait_until_within(LIMIT, "avahi", || Path::new("/run/avahi-daemon/socket").exists().then_some(()));
        Avahi([bus, avahi])
    }
}

impl Drop for Avahi {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _it_may_be_gone = child.kill();
            let _it_may_be_gone = child.wait();
        }
    }
}
