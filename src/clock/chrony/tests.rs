use std::path::Path;
use std::process::Command;

use super::*;
use crate::clock::chronyd_tests::Chronyd;
use crate::clock::{Clock, ClockVerdict, check};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn networks(texts: &[&str]) -> Vec<Ipv4Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_machine_that_serves_is_a_last_resort_and_one_that_does_not_only_asks() {
    let servers = names(&["2.debian.pool.ntp.org", "172.16.0.1", "clock.local:1123", "[fd00::1]:1124", "fe80::2"]);
    let asks = "pool 2.debian.pool.ntp.org iburst\nserver 172.16.0.1 iburst\npool clock.local iburst port 1123\n\
                server fd00::1 iburst port 1124\nserver fe80::2 iburst\n";
    let text = chrony_conf(&servers, &[]).unwrap();
    assert!(text.ends_with(asks) && !text.contains("local stratum") && !text.contains("allow"), "{text}");
    let text = chrony_conf(&servers, &networks(&["100.64.0.0/24"])).unwrap();
    assert!(text.contains(asks), "{text}");
    for line in ["local stratum 10\n", "allow 100.64.0.0/24\n", "allow 192.168.0.0/16\n", "allow fe80::/10\n"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_name_cannot_bring_an_option_or_a_line_of_its_own() {
    let hostile = ["", "a b", "a\nallow all", "a;b", "a#b", "-a", ".a", "a:", "a:0", "a:70000", ":123", "ä.org", "a!b"];
    for name in hostile.into_iter().map(str::to_owned).chain([format!("a{}", "b".repeat(260))]) {
        assert_eq!(chrony_conf(std::slice::from_ref(&name), &[]), Err(TimeServerError(name)));
    }
}

#[tokio::test]
async fn a_director_without_internet_tells_its_network_the_time() {
    // Its own server never answers.
    let text = chrony_conf(&names(&["127.0.0.1:9"]), &networks(&["127.0.0.0/8"])).unwrap();
    let chronyd = Chronyd::with(&text, None).await;
    let verdict = check(&chronyd.settings(), &Clock::system()).await;
    assert!(matches!(verdict, ClockVerdict::Right { .. }), "{verdict}");
}

#[tokio::test]
async fn a_node_takes_the_directors_time() {
    let director = Chronyd::with(&chrony_conf(&[], &networks(&["127.0.0.0/8"])).unwrap(), None).await;
    // Asked by the test itself, the node's chronyd answers only once it is synchronised: it is no last resort.
    let text = chrony_conf(std::slice::from_ref(&director.server), &[]).unwrap();
    let node = Chronyd::with(&format!("{text}allow 127.0.0.0/8\n"), None).await;
    let verdict = check(&node.settings(), &Clock::system()).await;
    assert!(matches!(verdict, ClockVerdict::Right { .. }), "{verdict}");
}

/// chronyd prints what it has read, and says which line it cannot read.
fn read_by_chronyd(path: &Path) -> String {
    let output = Command::new("/usr/sbin/chronyd").arg("-p").arg("-f").arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_shipped_configuration_is_read_and_leaves_the_servers_to_first_boot() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/chrony.conf");
    let text = read_by_chronyd(&path);
    for line in ["makestep 1 -1", "cmdport 0", "driftfile /var/lib/chrony/chrony.drift"] {
        assert!(text.lines().any(|read| read == line), "{line} is not in\n{text}");
    }
    let shipped = std::fs::read_to_string(&path).unwrap();
    assert!(shipped.contains("\nconfdir /etc/chrony/conf.d\n"), "what the first boot writes is read");
    let is_of_first_boot =
        |line: &str| ["server ", "pool ", "allow", "local "].iter().any(|word| line.starts_with(word));
    assert!(!shipped.lines().any(is_of_first_boot), "{shipped}");

    let directory = tempfile::tempdir().unwrap();
    let written = directory.path().join("conpaas.conf");
    let servers = names(&["2.debian.pool.ntp.org", "[fd00::1]:1124"]);
    std::fs::write(&written, chrony_conf(&servers, &networks(&["172.16.0.0/24"])).unwrap()).unwrap();
    assert!(read_by_chronyd(&written).contains("server fd00::1 iburst port 1124"));
}
