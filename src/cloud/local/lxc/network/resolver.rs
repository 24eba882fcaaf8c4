//! How a node finds machines by name: `/etc/hosts` and `/etc/resolv.conf`, made anew at each start of it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::super::settings::{DirectorHost, LxcSettings, Nat, Reach};
use crate::model::Finding;
use crate::sys::file;

const OF_MACHINE: &str = "/etc/resolv.conf";
/// Where those who put a server of their own on the loopback interface write down the real ones.
const BEHIND_STUBS: [&str; 3] =
    ["/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf", "/run/NetworkManager/resolv.conf"];

/// Returns the text of a node's `/etc/hosts`. May ask the machine's resolver: blocking.
pub(crate) fn hosts(settings: &LxcSettings, name: &str, address: Ipv4Addr) -> String {
    let director = settings.director.as_ref().and_then(|director| {
        let address = match director.reach {
            Reach::Gateway => Some(settings.gateway),
            Reach::At(address) => Some(address),
            Reach::Resolved => resolved(director),
        };
        address.map(|address| (address, director.name.as_str()))
    });
    plan_hosts(name, address, director)
}

fn plan_hosts(name: &str, address: Ipv4Addr, director: Option<(Ipv4Addr, &str)>) -> String {
    let mut text = format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{address} {name}\n");
    if let Some((address, name)) = director {
        text.push_str(&format!("{address} {name}\n"));
    }
    text
}

fn resolved(director: &DirectorHost) -> Option<Ipv4Addr> {
    use std::net::ToSocketAddrs as _;
    let addresses = (director.name.as_str(), 0).to_socket_addrs().ok()?;
    addresses.into_iter().find_map(|address| match address.ip() {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    })
}

/// Returns the text of a node's `/etc/resolv.conf`. Blocking.
pub(crate) fn resolver(settings: &LxcSettings) -> String {
    match settings.nat {
        // Without name servers look-ups fail at once instead of after a long wait.
        Nat::Off => String::new(),
        Nat::On => plan_resolver(&texts()),
    }
}

/// Warns where nodes have a way out, but nobody who tells them names.
pub(crate) fn finding(settings: &LxcSettings) -> Option<Finding> {
    if settings.nat == Nat::Off {
        return None;
    }
    let text = plan_resolver(&texts());
    let servers: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
    let is_ipv4 = |server: &&str| server.parse::<Ipv4Addr>().is_ok();
    Some(if servers.iter().any(is_ipv4) {
        Finding::good(format!("nodes ask the name servers {}", servers.join(", ")))
    } else {
        Finding::warning(
            format!("nodes find no machine by its name: {OF_MACHINE} names no IPv4 name server that they can reach"),
            "name one there that is not on the loopback interface",
        )
    })
}

/// What names the servers, the machine's own file first.
fn texts() -> Vec<String> {
    let paths = std::iter::once(OF_MACHINE).chain(BEHIND_STUBS);
    paths.map(|path| file::read_text(Path::new(path)).unwrap_or_default()).collect()
}

/// Takes the first of `texts` that names a server which nodes can reach, and leaves out those that they cannot.
/// Servers with IPv6 come last: a resolver asks three, and nodes have no IPv6.
fn plan_resolver(texts: &[String]) -> String {
    let usable = texts.iter().map(|text| plan(text)).find(|text| text.contains("nameserver "));
    usable.unwrap_or_default()
}

fn plan(text: &str) -> String {
    let (mut ipv4, mut ipv6, mut others) = (String::new(), String::new(), String::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => match words.next().and_then(|word| word.parse::<IpAddr>().ok()) {
                Some(IpAddr::V4(address)) if !address.is_loopback() && !address.is_unspecified() => {
                    ipv4.push_str(&format!("nameserver {address}\n"));
                }
                Some(IpAddr::V6(address)) if !address.is_loopback() && !address.is_unspecified() => {
                    ipv6.push_str(&format!("nameserver {address}\n"));
                }
                _ => {}
            },
            Some("search" | "domain" | "options" | "sortlist") => others.push_str(&format!("{}\n", line.trim())),
            _ => {}
        }
    }
    if ipv4.is_empty() && ipv6.is_empty() { String::new() } else { format!("{ipv4}{ipv6}{others}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(texts: &[&str]) -> String {
        plan_resolver(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn servers_behind_a_stub_are_found_and_all_else_is_kept() {
        let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch home.lan\n";
        let real = "# made\nnameserver\t192.168.1.1\nsearch home.lan\n";
        assert_eq!(planned(&[stub, real]), "nameserver 192.168.1.1\nsearch home.lan\n");
        assert_eq!(planned(&[stub, "", "", "nameserver 10.0.0.1"]), "nameserver 10.0.0.1\n");
        assert_eq!(planned(&[stub]), "", "a stub alone helps nobody");
        let mixed =
            "nameserver  fd00::1 \n\tnameserver 9.9.9.9\nnameserver fe80::1%eth0\nnameserver ::1\noptions\ttimeout:1\n";
        assert_eq!(planned(&[mixed, real]), "nameserver 9.9.9.9\nnameserver fd00::1\noptions\ttimeout:1\n");
        assert_eq!(planned(&["nameserver 0.0.0.0\nnameserver nonsense\n", real]), planned(&[real]));
    }

    #[test]
    fn a_node_knows_itself_and_the_director() {
        let text =
            plan_hosts("n", Ipv4Addr::new(10, 0, 0, 2), Some((Ipv4Addr::new(10, 0, 0, 1), "director.example.org")));
        assert!(text.ends_with("10.0.0.2 n\n10.0.0.1 director.example.org\n"), "{text}");
    }
}
