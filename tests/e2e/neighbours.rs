//! The virtual machine's second network card: who is on it reaches the
//! containers behind the bridge, though the card is no port of the bridge.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::world::inside;

/// A network of its own that ends with the test's world.
struct Far(Child);

impl Far {
    fn new() -> Far {
        let child = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", child.id());
        let end = Instant::now() + Duration::from_secs(20);
        while std::fs::read_link(&theirs).is_ok_and(|net| net == own) {
            assert!(Instant::now() < end, "unshare made no network");
            std::thread::yield_now();
        }
        Far(child)
    }

    /// Lays a cable from `near` here to `card` there.
    fn lay(&self, near: &str, card: &str, address: &str) {
        let pid = self.0.id();
        ip(&format!("link add {near} type veth peer name {card} netns {pid}"));
        ip(&format!("link set {near} up"));
        self.run(&["ip", "link", "set", "lo", "up"]);
        self.run(&["ip", "address", "add", address, "dev", card]);
        self.run(&["ip", "link", "set", card, "up"]);
    }

    fn run(&self, words: &[&str]) {
        assert!(self.command(words).status().unwrap().success(), "{words:?}");
    }

    /// Whether `address` answers: nobody listens there, so it refuses.
    fn reaches(&self, address: &str) -> bool {
        let script = format!("echo > /dev/tcp/{address}/9");
        let output = self.command(&["timeout", "10", "bash", "-c", &script]).output().unwrap();
        String::from_utf8_lossy(&output.stderr).contains("Connection refused")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.0.id())).args(words).stdin(Stdio::null());
        command
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _it_may_be_gone = self.0.kill();
        let _it_may_be_gone = self.0.wait();
    }
}

fn ip(line: &str) {
    assert!(Command::new("ip").args(line.split(' ')).status().unwrap().success(), "ip {line}");
}

fn join(card: &str) -> bool {
    let script = "images/nutshell/18-nutshell.overlay/usr/lib/conpaas-vm/join-neighbours";
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    Command::new("sh").arg(script).arg(card).status().unwrap().success()
}

#[test]
fn containers_and_whoever_is_on_the_second_card_reach_each_other() {
    inside("e2e::neighbours::containers_and_whoever_is_on_the_second_card_reach_each_other", async |_state| {
        for network in ["172.16.0", "192.168.56"] {
            let at = |number: u8| format!("{network}.{number}");
            ip("link add conpaas0 type bridge");
            ip(&format!("address add {}/24 dev conpaas0", at(11)));
            ip("link set conpaas0 up");
            let (host, container) = (Far::new(), Far::new());
            host.lay("eth1", "card", &format!("{}/24", at(200)));
            container.lay("cable", "eth0", &format!("{}/24", at(33)));
            ip("link set cable master conpaas0");
            assert!(!host.reaches(&at(33)), "the card is no port of the bridge");

            assert!(join("eth1") && join("eth1"), "it may be repeated");
            assert!(host.reaches(&at(33)) && host.reaches(&at(11)));
            assert!(container.reaches(&at(200)) && container.reaches(&at(11)));
            // For others the machine does not answer: they have a place of their own on the card's network.
            assert!(!host.reaches(&at(201)));
            // The cables go with the networks some time after those; the names are wanted again at once.
            for link in ["eth1", "cable", "conpaas0"] {
                ip(&format!("link delete {link}"));
            }
            drop((host, container));
        }
    });
}
