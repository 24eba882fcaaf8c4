//! What a node may send: tried from inside real containers and from ports beside them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use conpaas::cloud::local::lxc::LxcCloud;
use conpaas::cloud::{Cloud, CloudNode, NodeSpec};
use conpaas::model::{NodeGroup, Verdict};

use super::world;
use crate::support::wait::wait_until;

/// Sends and receives frames; each command prints what came of it.
const FRAMES: &str = r#"
import socket, struct, sys, time
def mac(text): return bytes.fromhex(text.replace(':', ''))
def ip(text): return socket.inet_aton(text)
def raw(): 
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0)); return s
def arp(dst, src, sender_mac, sender_ip, target_ip):
    return mac(dst)+mac(src)+b'\x08\x06'+struct.pack('!HHBBH',1,0x0800,6,4,2)+mac(sender_mac)+ip(sender_ip)+mac(dst)+ip(target_ip)
what, addr = sys.argv[1:3]
own = '02:c0:' + ':'.join('%02x' % int(byte) for byte in addr.split('.'))
gateway, victim = '02:c0:ac:10:00:01', '02:c0:ac:10:00:03'
s = raw()
def udp(src_ip, dst_ip, sport, dport, data=b'x'):
    u = struct.pack('!HHHH', sport, dport, 8+len(data), 0)+data
    h = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20+len(u), 1, 0, 64, 17, 0, ip(src_ip), ip(dst_ip))
    c = sum(struct.unpack('!10H', h)); c = (c & 0xffff)+(c >> 16); c = (c & 0xffff)+(c >> 16)
    return h[:10]+struct.pack('!H', ~c & 0xffff)+h[12:]+u
for _ in range(3):
    if what == 'arp': s.send(arp('ff:ff:ff:ff:ff:ff', own, own, '172.16.0.3', '172.16.0.1'))
    if what == 'gateway': s.send(arp('ff:ff:ff:ff:ff:ff', own, own, '172.16.0.1', '172.16.0.4'))
    if what == 'mac': s.send(mac(gateway)+mac(victim)+b'\x08\x00'+udp(addr, '172.16.0.1', 9, 9))
    if what == 'ip': s.send(mac(gateway)+mac(own)+b'\x08\x00'+udp('172.16.0.3', '172.16.0.1', 9, 53))
    if what == 'vlan': s.send(mac(gateway)+mac(own)+b'\x81\x00\x00\x01\x08\x00'+udp(addr, '172.16.0.1', 9, 53))
    if what == 'dhcp': s.send(mac('ff:ff:ff:ff:ff:ff')+mac(own)+b'\x08\x00'+udp(addr, '255.255.255.255', 67, 68))
    if what == 'hairpin': s.send(mac(gateway)+mac(own)+b'\x08\x00'+udp(addr, '172.16.0.3', 9, 9))
    if what == 'ipv6': s.send(mac('33:33:00:00:00:01')+mac(own)+b'\x86\xdd'+b'\x60'+bytes(39))
    if what == 'stp': s.send(mac('01:80:c2:00:00:03')+mac(victim)+b'\x08\x00'+udp(addr, '172.16.0.1', 9, 9))
    if what == 'good': s.send(mac(gateway)+mac(own)+b'\x08\x00'+udp(addr, '172.16.0.1', 9, 53))
    time.sleep(0.02)
"#;

fn of_group(tag: &str, group: i64) -> NodeSpec {
    NodeSpec { group: NodeGroup(group), ..world::agent(tag) }
}

fn send(node: &CloudNode, what: &str) {
    let script = format!("cat > /root/frames.py <<'END'\n{FRAMES}\nEND\npython3 /root/frames.py {what} {}", node.ip);
    let (sent, text) = world::run_in(&node.vmid, &script);
    assert!(sent, "{what}: {text}");
}

/// Says what a TCP connection from the node comes to: `refused` is an answer.
fn connect(node: &CloudNode, address: &str) -> String {
    let (host, port) = address.split_once(':').expect("host:port");
    let script = format!(
        "python3 -c 'import socket; s=socket.socket(); s.settimeout(1.5); s.connect((\"{host}\", {port})); print(\"connected\")'"
    );
    world::run_in(&node.vmid, &script).1
}

fn is_answered(text: &str) -> bool {
    text.contains("refused") || text == "connected"
}

fn command(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Packets that the machine took from the bridge.
fn received() -> u64 {
    fs::read_to_string("/sys/class/net/conpaas0/statistics/rx_packets").unwrap().trim().parse().unwrap()
}

/// Packets that the bridge handed to a node.
fn sent_to(node: &CloudNode) -> u64 {
    let number = node.vmid.rsplit('-').next().unwrap();
    let ports = fs::read_dir("/sys/class/net/conpaas0/brif").unwrap().flatten();
    let port = ports.map(|port| port.file_name().into_string().unwrap()).find(|name| name.ends_with(number));
    let path = format!("/sys/class/net/{}/statistics/tx_packets", port.expect("a node has a port"));
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

/// Whether the hardware address `mac` is known behind the port of `node`.
fn is_learned(mac: &str, node: &CloudNode) -> bool {
    let number = node.vmid.rsplit('-').next().unwrap();
    command("bridge fdb show br conpaas0").lines().any(|line| line.starts_with(mac) && line.contains(number))
}

async fn findings(cloud: &LxcCloud, words: &str) -> Option<String> {
    let found = cloud.check().await;
    let bad = found.iter().find(|finding| finding.verdict == Verdict::Bad && finding.text.contains(words));
    bad.map(|finding| format!("{} / {}", finding.text, finding.remedy))
}

#[test]
fn a_node_has_only_its_own_address_and_reaches_only_its_own_application() {
    let name = "e2e::filter::a_node_has_only_its_own_address_and_reaches_only_its_own_application";
    world::inside(name, |state| async move {
        let cloud = world::cloud(world::settings(&state));
        cloud.ensure_network().await.unwrap();
        let thief = cloud.ensure_node(&of_group("thief", 1)).await.unwrap();
        let victim = cloud.ensure_node(&of_group("victim", 2)).await.unwrap();
        let friend = cloud.ensure_node(&of_group("friend", 1)).await.unwrap();
        reach(&thief, &victim, &friend);
        steal(&thief, &victim);
        hold_ipv6(&thief);

        assert_eq!(findings(&cloud, "rules of bridge").await, None);
        mend(&state, &cloud, &thief, &victim).await;
        for node in [&thief, &victim, &friend] {
            cloud.remove_node(&node.tag).await.unwrap();
        }
        assert!(!command("nft list ruleset").contains("172.16.0.2 "), "their rules went with them");
        cloud.remove_network().await.unwrap();
        assert_eq!(command("nft list ruleset"), "");
    });
}

fn reach(thief: &CloudNode, victim: &CloudNode, friend: &CloudNode) {
    assert!(is_answered(&connect(thief, &format!("{}:9", friend.ip))), "nodes of one application");
    assert!(is_answered(&connect(friend, &format!("{}:9", thief.ip))), "and back");
    assert!(!is_answered(&connect(thief, &format!("{}:9", victim.ip))), "nodes of two");
    assert!(is_answered(&connect(victim, "172.16.0.1:5555")), "the director's port");
    assert!(is_answered(&connect(victim, "172.16.0.1:53")), "names");
    assert!(!is_answered(&connect(victim, "172.16.0.1:22")), "nothing else of this machine");
    command("ip address add 192.0.2.9/32 dev lo");
    assert!(!is_answered(&connect(victim, "192.0.2.9:22")), "by none of its addresses");
    assert!(is_answered(&connect(victim, "192.0.2.9:5555")));
    let (pinged, text) = world::run_in(
        &victim.vmid,
        "python3 - <<'END'\nimport socket,struct\ns=socket.socket(socket.AF_INET,socket.SOCK_RAW,1)\ns.settimeout(3)\np=struct.pack('!BBHHH',8,0,0,1,1)\nc=sum(struct.unpack('!4H',p))\ns.sendto(struct.pack('!BBHHH',8,0,~c&0xffff,1,1),('172.16.0.1',0))\nprint(s.recv(99)[20])\nEND",
    );
    assert!(pinged && text == "0", "{text}");
    // Whoever looks at pages from this machine.
    for node in [thief, victim] {
        let outcome = std::net::TcpStream::connect((node.ip, 9)).unwrap_err();
        assert_eq!(outcome.kind(), std::io::ErrorKind::ConnectionRefused, "the node answers this machine");
    }
}

fn steal(thief: &CloudNode, victim: &CloudNode) {
    let neighbour = || command("ip neigh show 172.16.0.3 dev conpaas0");
    let before = neighbour();
    assert!(before.contains("02:c0:ac:10:00:03"), "{before}");
    wait_until("a frame that is right arrives", || {
        let before = received();
        send(thief, "good");
        (received() >= before + 3).then_some(())
    });
    for what in ["arp", "gateway", "mac", "ip", "vlan", "dhcp", "ipv6", "stp"] {
        let before = received();
        send(thief, what);
        // Three are sent; a neighbour's own ARP may come by meanwhile.
        assert!(received() < before + 3, "{what} came through");
    }
    // The machine takes it from the bridge, and would route it back.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    let before = sent_to(victim);
    send(thief, "hairpin");
    assert!(sent_to(victim) < before + 3, "a way around the rules of the bridge");
    assert!(neighbour().contains("02:c0:ac:10:00:03"), "{}", neighbour());
    assert!(!is_learned("02:c0:ac:10:00:03", thief) && is_learned("02:c0:ac:10:00:02", thief));
    assert!(std::net::TcpStream::connect((victim.ip, 9)).is_err_and(|error| error.raw_os_error() == Some(111)));
}

fn hold_ipv6(thief: &CloudNode) {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6")).unwrap();
    assert_eq!(read("conpaas0").trim(), "1");
    let entries = fs::read_dir("/sys/class/net/conpaas0/brif").unwrap().flatten();
    for port in entries {
        assert_eq!(read(&port.file_name().to_string_lossy()).trim(), "1", "{port:?}");
    }
    assert_eq!(command("ip -6 route show dev conpaas0"), "");
    assert!(world::run_in(&thief.vmid, "true").0);
}

/// What somebody takes out of the kernel is missed, and set again at the next look.
async fn mend(state: &Path, cloud: &LxcCloud, thief: &CloudNode, victim: &CloudNode) {
    command("nft flush chain bridge conpaas_conpaas0 forward");
    assert!(is_answered(&connect(thief, &format!("{}:9", victim.ip))), "without the rules nothing holds");
    let found = findings(cloud, "rules of bridge").await.expect("the check misses them");
    assert!(found.contains("not in force"), "{found}");
    cloud.prepare().await.unwrap();
    assert_eq!(findings(cloud, "rules of bridge").await, None);
    assert!(!is_answered(&connect(thief, &format!("{}:9", victim.ip))));
    command("nft flush ruleset");
    cloud.prepare().await.unwrap();
    assert_eq!(findings(cloud, "rules of bridge").await, None);
    // Another director on this machine, killed between a record and its rules, knows what is recorded.
    let next = world::cloud(world::settings(state));
    next.prepare().await.unwrap();
    assert!(!is_answered(&connect(thief, &format!("{}:9", victim.ip))));
}

#[test]
fn a_filter_of_somebody_else_that_keeps_nodes_apart_is_named() {
    world::inside("e2e::filter::a_filter_of_somebody_else_that_keeps_nodes_apart_is_named", |state| async move {
        let cloud = world::cloud(world::settings(&state));
        let (first, second) = (of_group("first", 1), of_group("second", 1));
        let first = cloud.ensure_node(&first).await.unwrap();
        let second = cloud.ensure_node(&second).await.unwrap();
        let other = format!("{}:9", second.ip);
        fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "0").unwrap();
        command("nft add table ip filter");
        command("nft add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
        assert_eq!(findings(&cloud, "table ip filter").await, None);
        assert!(is_answered(&connect(&first, &other)), "a filter that does not see the bridge");
        fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1").unwrap();
        assert!(!is_answered(&connect(&first, &other)), "the rules of others are in the way");
        let found = findings(&cloud, "table ip filter").await.expect("the check names it");
        let (_, remedy) = found.split_once("let the bridge pass: ").expect("it has a remedy");
        let mended = Command::new("sh").args(["-c", remedy]).status().unwrap();
        assert!(mended.success(), "{remedy}");
        assert!(is_answered(&connect(&first, &other)), "{remedy}");
        assert_eq!(findings(&cloud, "table ip filter").await, None);
        for node in [first, second] {
            cloud.remove_node(&node.tag).await.unwrap();
        }
    });
}

/// The program, told where this world's configuration is.
fn conpaas(state: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
    command.args(words).env("DIRECTOR_CFG", state.join("director.cfg")).env("HOME", state).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

fn init(state: &Path, hostname: &str, more: &[&str]) -> (bool, String) {
    let at = |name: &str| state.join(name).display().to_string();
    let set = [
        format!("conpaas.CONF_DIR={}", at("conf")),
        format!("conpaas.CERT_DIR={}", at("certs")),
        format!("director.STATE_DIR={}", at("director")),
        format!("director.USERDATA_DIR={}", at("data")),
        format!("director.DATABASE_URI=sqlite:///{}", at("director.db")),
        format!("iaas.IMAGE={}", world::base().display()),
    ];
    let mut words = vec!["director", "init", "--hostname", hostname];
    for option in set.iter().map(String::as_str).chain(more.iter().copied()) {
        words.extend(["--set", option]);
    }
    conpaas(state, &words)
}

#[test]
fn a_network_that_clashes_is_refused_before_anything_is_changed() {
    world::inside("e2e::filter::a_network_that_clashes_is_refused_before_anything_is_changed", |state| async move {
        command("ip link add lan type veth peer name house");
        command("ip address add 172.16.0.5/24 dev lan");
        let clash = "172.16.0.0/24 overlaps the network of lan, which has 172.16.0.5/24";
        let own = "iaas.FIRST_ADDRESS=172.16.0.32";
        let (is_set_up, text) = init(&state, "192.0.2.1", &[own]);
        assert!(!is_set_up && text.contains(clash), "{text}");
        assert!(!state.join("director.cfg").exists(), "nothing is written");
        command("ip address del 172.16.0.5/24 dev lan");
        let refused: [(&str, &[&str], &str); 5] = [
            ("localhost", &[], "is the node itself"),
            ("no-such-host.invalid", &[], "does not know the host name"),
            ("a..b", &[], "a..b"),
            ("192.0.2.1", &["iaas.BRIDGE=lan"], "BRIDGE lan is a network interface"),
            ("192.0.2.1", &["iaas.NETWORK=127.0.0.0/24"], "loopback"),
        ];
        for (hostname, more, words) in refused {
            let (is_set_up, text) = init(&state, hostname, more);
            assert!(!is_set_up && text.contains(words), "{words}: {text}");
        }
        let (is_set_up, text) = init(&state, "192.0.2.1", &[own]);
        assert!(is_set_up, "{text}");

        let links = || command("ip -o address show");
        command("ip address add 172.16.0.5/24 dev lan");
        let before = links();
        let (starts, text) = conpaas(&state, &["director"]);
        assert!(!starts && text.contains(clash), "{text}");
        let (_, text) = conpaas(&state, &["director", "check"]);
        assert!(text.contains(clash), "{text}");
        assert_eq!(links(), before);
        command("ip address del 172.16.0.5/24 dev lan");
        command("ip link add conpaas0 type bridge");
        command("ip address add 172.17.0.1/16 dev conpaas0");
        let before = links();
        let (starts, text) = conpaas(&state, &["director"]);
        assert!(!starts && text.contains("has the address 172.17.0.1/16, but GATEWAY is 172.16.0.1"), "{text}");
        assert_eq!(links(), before, "somebody else's bridge is left alone");
        command("ip link delete conpaas0");
        let taken = std::net::TcpListener::bind("0.0.0.0:5555").unwrap();
        let (starts, text) = conpaas(&state, &["director"]);
        assert!(!starts && text.contains("cannot listen on 0.0.0.0:5555"), "{text}");
        assert!(!Path::new("/sys/class/net/conpaas0").exists() && command("nft list ruleset").is_empty());
        drop(taken);
    });
}
