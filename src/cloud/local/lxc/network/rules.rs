//! The packet filter of one bridge, as a text for `nft`. Pure: computes, does nothing.
//!
//! One file holds two tables of one name, and `nft -f` takes both at once or neither. The table of the family
//! `bridge` sees every frame of a node's port. The table of the family `ip` sees what nodes send to this machine
//! and through it.
//!
//! # What a node may send
//! - IPv4 and ARP with the hardware address and the IPv4 address that are recorded for its port, nothing else.
//!   So it can take nobody's address. IPv6 with its router advertisements, VLAN tags, spanning tree and all other
//!   protocols are dropped: no program of ConPaaS uses them, and each is a way to the network of the house.
//! - No broadcast and no multicast of IPv4, which the bridge would copy to every port; ARP goes to everybody, so it
//!   is bounded for each port. An answer of a DHCP server is dropped even when it is sent to one machine.
//! - To nodes of its own group everything, to other nodes only what those publish.
//! - To this machine what [`Services`](super::super::settings::Services) names, an ICMP echo, and answers. A frame
//!   for another node that is sent to this machine, to be routed around the bridge's rules, is dropped.
//! - To other networks everything with NAT, else only answers.
//!
//! # What a node gets
//! Frames for its own hardware address, IPv4 and ARP only: nothing that the bridge floods because it forgot a port.
//!
//! # Assumptions
//! - The names of all ports of nodes begin alike, as `prefix` says. A port that no record names may send nothing.
//! - The bridge keeps no connections: not every kernel can. So an answer is a TCP segment that opens no connection.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::super::settings::{LxcSettings, Nat};
use super::interface::card_address;
use crate::cloud::local::reach::{PublishedPort, Transport};
use crate::model::NodeGroup;

/// One node's end of a cable at the bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodePort {
    /// The network interface in the machine.
    pub(crate) name: String,
    /// The node's address.
    pub(crate) address: Ipv4Addr,
    /// Whom it reaches; nobody when that is not known.
    pub(crate) group: Option<NodeGroup>,
    /// What everybody reaches.
    pub(crate) published: Vec<PublishedPort>,
}

/// The name of both tables.
pub(crate) fn table(settings: &LxcSettings) -> String {
    format!("conpaas_{}", settings.bridge.replace('-', "_"))
}

/// Returns the text that takes both tables away, whether they are there or not.
pub(crate) fn plan_removal(settings: &LxcSettings) -> String {
    let table = table(settings);
    // Deleting what is not there is an error, so it is declared first.
    ["bridge", "ip"].map(|family| format!("table {family} {table} {{}}\ndelete table {family} {table}\n")).concat()
}

/// Returns the text that puts the rules for `ports` in the place of all earlier ones. `prefix` is what
/// the names of all ports of this cloud's nodes begin with.
pub(crate) fn plan_rules(settings: &LxcSettings, prefix: &str, ports: &[NodePort]) -> String {
    let mut text = plan_removal(settings);
    if settings.is_filtered {
        add_bridge_table(&mut text, settings, prefix, ports);
    }
    add_ip_table(&mut text, settings);
    text
}

/// Returns the text that makes the rules for `before` those for `after`, where ports are only added. The kernel takes it
/// at once; for a change that takes something away it waits until no packet uses it. `None` where more changes.
pub(crate) fn plan_addition(settings: &LxcSettings, before: &[NodePort], after: &[NodePort]) -> Option<String> {
    let is_kept = |port: &&NodePort| after.contains(port);
    let new: Vec<NodePort> = after.iter().filter(|port| !before.contains(port)).cloned().collect();
    let only_adds = before.iter().all(|port| is_kept(&port)) && new.iter().all(|port| port.published.is_empty());
    if !settings.is_filtered || new.is_empty() || !only_adds {
        return None;
    }
    let table = format!("bridge {}", table(settings));
    let mut text = String::new();
    let there = groups(before);
    let joined = groups(&new);
    for group in joined.keys().filter(|group| !there.contains_key(group)) {
        add(&mut text, format_args!("add set {table} members_{group} {{ type ifname; }}"));
        add(&mut text, format_args!("add chain {table} group_{group}"));
        add(&mut text, format_args!("add rule {table} group_{group} oifname @members_{group} accept"));
    }
    let mut add_elements = |set: &str, elements: &[String]| {
        if !elements.is_empty() {
            add(&mut text, format_args!("add element {table} {set} {{ {} }}", elements.join(", ")));
        }
    };
    add_elements("places", &places(&new));
    add_elements("cards", &cards(&new));
    for (group, names) in &joined {
        add_elements(&format!("members_{group}"), names);
    }
    add_elements("groups", &jumps(&joined));
    Some(text)
}

fn add(text: &mut String, lines: std::fmt::Arguments<'_>) {
    text.write_fmt(lines).expect("a string takes all");
    text.push('\n');
}

fn add_set(text: &mut String, head: &str, elements: &[String]) {
    add(text, format_args!("\t{head}"));
    if !elements.is_empty() {
        add(text, format_args!("\t\telements = {{ {} }}", elements.join(", ")));
    }
    add(text, format_args!("\t}}"));
}

fn add_bridge_table(text: &mut String, settings: &LxcSettings, prefix: &str, ports: &[NodePort]) {
    add(text, format_args!("table bridge {} {{", table(settings)));
    add_set(text, "set places {\n\t\ttype ifname . ether_addr . ipv4_addr", &places(ports));
    add_set(text, "set cards {\n\t\ttype ifname . ether_addr", &cards(ports));
    add(
        text,
        format_args!(
            "\tset {FLOODS} {{\n\t\ttype ifname\n\t\tsize 4096\n\t\tflags dynamic,timeout\n\t\ttimeout 10s\n\t}}"
        ),
    );
    let groups = groups(ports);
    for (group, names) in &groups {
        add_set(text, &format!("set members_{group} {{\n\t\ttype ifname"), names);
        add(text, format_args!("\tchain group_{group} {{\n\t\toifname @members_{group} accept\n\t}}"));
    }
    add_set(text, "map groups {\n\t\ttype ifname : verdict", &jumps(&groups));
    add(text, format_args!("{FROM_AND_TO_NODE}"));
    let (first, last) = (settings.first_address, settings.last_address);
    add(
        text,
        format_args!(
            "\tchain prerouting {{\n\t\ttype filter hook prerouting priority -300; policy accept;\n\
             \t\tiifname \"{prefix}*\" ether type arp update @{FLOODS} {{ iifname limit rate over 50/second burst 100 packets }} drop\n\
             \t\tiifname \"{prefix}*\" jump from_node\n\t}}\n\
             \tchain input {{\n\t\ttype filter hook input priority -200; policy accept;\n\
             \t\tiifname \"{prefix}*\" jump from_node\n\
             \t\tiifname \"{prefix}*\" ip daddr {first}-{last} drop\n\t}}"
        ),
    );
    add_forward(text, settings, prefix, ports);
    add(
        text,
        format_args!(
            "\tchain postrouting {{\n\t\ttype filter hook postrouting priority 300; policy accept;\n\
             \t\toifname \"{prefix}*\" jump to_node\n\t}}\n}}"
        ),
    );
}

/// Counts the ARP of each port; what it holds changes by itself.
pub(crate) const FLOODS: &str = "arp_floods";

const FROM_AND_TO_NODE: &str = "\
\tchain from_node {
\t\tether type != { ip, arp } drop
\t\tether type arp iifname . ether saddr . arp saddr ip @places iifname . arp saddr ether . arp saddr ip @places return
\t\tether type arp drop
\t\tiifname . ether saddr . ip saddr != @places drop
\t\tether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 drop
\t\tudp sport 67 drop
\t}
\tchain to_node {
\t\tether type != { ip, arp } drop
\t\tether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 oifname . ether daddr != @cards drop
\t}";

/// The quoted names of each group's ports.
fn groups(ports: &[NodePort]) -> BTreeMap<i64, Vec<String>> {
    let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for port in ports {
        if let Some(group) = port.group {
            groups.entry(group.0).or_default().push(format!("\"{}\"", port.name));
        }
    }
    groups
}

/// Whose chain the frames of each port go to.
fn jumps(groups: &BTreeMap<i64, Vec<String>>) -> Vec<String> {
    let of_group = |(group, names): (&i64, &Vec<String>)| -> Vec<String> {
        names.iter().map(|name| format!("{name} : jump group_{group}")).collect()
    };
    groups.iter().flat_map(of_group).collect()
}

fn card(port: &NodePort) -> String {
    format!("\"{}\" . {}", port.name, card_address(port.address))
}

fn cards(ports: &[NodePort]) -> Vec<String> {
    ports.iter().map(card).collect()
}

fn places(ports: &[NodePort]) -> Vec<String> {
    ports.iter().map(|port| format!("{} . {}", card(port), port.address)).collect()
}

/// From port to port. The machine's own cable may be a port, too.
fn add_forward(text: &mut String, settings: &LxcSettings, prefix: &str, ports: &[NodePort]) {
    add(text, format_args!("\tchain forward {{\n\t\ttype filter hook forward priority -200; policy accept;"));
    add(text, format_args!("\t\tiifname != \"{prefix}*\" accept"));
    if settings.nat == Nat::Off {
        let udp = list(&settings.services.udp);
        add(
            text,
            format_args!(
                "\t\toifname != \"{prefix}*\" udp dport {{ {udp} }} accept\n\
                 \t\toifname != \"{prefix}*\" tcp flags & (syn | ack) == syn drop\n\
                 \t\toifname != \"{prefix}*\" ip protocol != {{ tcp, icmp }} drop"
            ),
        );
    }
    add(text, format_args!("\t\toifname != \"{prefix}*\" accept"));
    add(text, format_args!("\t\tiifname vmap @groups"));
    for port in ports.iter().filter(|port| !port.published.is_empty()) {
        let address = port.address;
        // Who may not ask for the hardware address reaches no port.
        add(text, format_args!("\t\tarp daddr ip {address} accept\n\t\tarp saddr ip {address} accept"));
        for PublishedPort { transport, port } in &port.published {
            let answer = match transport {
                Transport::Tcp => format!("tcp sport {port} tcp flags & (syn | ack) != syn"),
                Transport::Udp => format!("udp sport {port}"),
            };
            let transport = transport.as_str();
            add(
                text,
                format_args!(
                    "\t\tip daddr {address} {transport} dport {port} accept\n\t\tip saddr {address} {answer} accept"
                ),
            );
        }
    }
    add(text, format_args!("\t\tdrop\n\t}}"));
}

fn add_ip_table(text: &mut String, settings: &LxcSettings) {
    let network = settings.network;
    add(text, format_args!("table ip {} {{", table(settings)));
    if settings.nat == Nat::On {
        // By where packets go, not by the interface: the machine's own cable may be in the bridge, and the
        // way to other networks then leads out of the bridge, too.
        add(
            text,
            format_args!(
                "\tchain postrouting {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\
                 \t\tip saddr {network} ip daddr != {network} masquerade\n\t}}"
            ),
        );
    }
    if settings.is_filtered {
        add_machine(text, settings);
    }
    add(text, format_args!("}}"));
}

fn list(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// From nodes to this machine and through it.
fn add_machine(text: &mut String, settings: &LxcSettings) {
    let (tcp, udp) = (list(&settings.services.tcp), list(&settings.services.udp));
    let bridge = &settings.bridge;
    // Not all of the bridge: the machine's own cable may be a port, and people come by it.
    let nodes = format!("iifname \"{bridge}\" ip saddr {}-{}", settings.first_address, settings.last_address);
    add(
        text,
        format_args!(
            "\tchain from_node {{\n\t\tct state established,related accept\n\t\ticmp type echo-request accept\n\
             \t\tudp dport {{ {udp} }} accept\n\t\ttcp dport {{ {tcp} }} accept\n\
             \t\treject with icmp type admin-prohibited\n\t}}\n\
             \tchain input {{\n\t\ttype filter hook input priority filter; policy accept;\n\t\t{nodes} jump from_node\n\t}}"
        ),
    );
    if settings.nat == Nat::Off {
        // What br_netfilter shows here of the bridge's own traffic comes and goes by the bridge.
        add(
            text,
            format_args!(
                "\tchain forward {{\n\t\ttype filter hook forward priority filter; policy accept;\n\
                 \t\toifname != \"{bridge}\" {nodes} ct state != {{ established, related }} reject with icmp type admin-prohibited\n\t}}"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CloudName;

    fn settings(nat: Nat) -> LxcSettings {
        let mut settings =
            LxcSettings::usual(CloudName::default_cloud(), "/state".into(), "/base".into(), "/program".into());
        settings.nat = nat;
        settings
    }

    fn port(number: u8, group: Option<i64>) -> NodePort {
        NodePort {
            name: format!("cpabcd-{number:08}"),
            address: Ipv4Addr::new(172, 16, 0, number),
            group: group.map(NodeGroup),
            published: Vec::new(),
        }
    }

    #[test]
    fn the_rules_of_two_applications() {
        let mut ports = [port(2, Some(1)), port(3, Some(2)), port(4, Some(1)), port(5, None)];
        ports[1].published = vec![
            PublishedPort { transport: Transport::Tcp, port: 80 },
            PublishedPort { transport: Transport::Udp, port: 53 },
        ];
        assert_eq!(plan_rules(&settings(Nat::Off), "cpabcd-", &ports), include_str!("two_applications.nft"));
    }

    #[test]
    fn ports_are_added_to_what_is_there_and_nothing_else_is() {
        let ports = [port(2, Some(1)), port(3, Some(2)), port(4, Some(1)), port(5, None)];
        let settings = settings(Nat::Off);
        let text = plan_addition(&settings, &ports[..1], &ports).expect("ports are added");
        assert_eq!(text, include_str!("added_to_one_application.nft"));
        assert!(plan_addition(&settings, &ports, &ports[..3]).is_none(), "one is taken away");
        assert!(plan_addition(&settings, &ports, &ports).is_none(), "nothing is to be done");
        let mut moved = ports.clone();
        moved[0].address = Ipv4Addr::new(172, 16, 0, 9);
        assert!(plan_addition(&settings, &ports[..2], &moved).is_none(), "one has another address");
        moved[3].published = vec![PublishedPort { transport: Transport::Tcp, port: 80 }];
        assert!(plan_addition(&settings, &moved[..3], &moved).is_none(), "what is published has rules before the last");
    }

    #[test]
    fn an_empty_cloud_with_nat_still_filters() {
        let text = plan_rules(&settings(Nat::On), "cpabcd-", &[]);
        assert_eq!(text, include_str!("empty_with_nat.nft"));
    }

    #[test]
    fn without_a_filter_only_nat_is_left() {
        let mut settings = settings(Nat::On);
        settings.is_filtered = false;
        let text = plan_rules(&settings, "cpabcd-", &[port(2, Some(1))]);
        assert!(text.contains("masquerade") && !text.contains("from_node") && !text.contains("places"), "{text}");
    }
}
