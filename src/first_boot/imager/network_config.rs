//! `network-config`: version 2 of cloud-init's, which is netplan's.

use super::found::Found;
use super::yaml::{Map, Name, Node, Odd, parse};

pub(crate) fn read(text: &str, found: &mut Found) {
    let whole = match parse(text) {
        Ok(map) => map,
        Err(problem) => return found.complain(problem),
    };
    // Newer Imagers put everything below `network`, older ones do not.
    let map = whole.map("network").unwrap_or(&whole);
    let mut ignored = Vec::new();
    let mut odd = Odd { names: &mut ignored, prefix: "" };
    let version = map.text("version", &mut odd);
    if !version.is_empty() && version != "2" {
        return found.complain("has another version than 2: not used");
    }
    map.others(&["network", "version", "renderer", "ethernets", "wifis"], &mut odd);
    if let Some(device) = only_device(map, "ethernets", &mut odd) {
        ethernet(device, found, &mut Odd { names: &mut ignored, prefix: "ethernets." });
    }
    if let Some(device) = only_device(map, "wifis", &mut Odd { names: &mut ignored, prefix: "" }) {
        wifi(device, found, &mut Odd { names: &mut ignored, prefix: "wifis." });
    }
    found.ignore(&ignored);
}

/// Returns the first device of a kind; keys that have no keys of their own, such as `renderer`, are none.
fn only_device<'a>(map: &'a Map, kind: &str, odd: &mut Odd<'_>) -> Option<&'a Map> {
    let of_kind = match map.get(kind)? {
        Node::Map(of_kind) => of_kind,
        Node::Nothing => return None,
        _ => {
            odd.add(kind);
            return None;
        }
    };
    for (name, node) in of_kind.entries() {
        if !matches!(node, Node::Map(_)) && !["renderer", "version"].contains(&name.text.as_str()) {
            odd.add(&format!("{kind}.{}", name.text));
        }
    }
    let mut devices =
        of_kind.entries().filter_map(|(_, node)| if let Node::Map(device) = node { Some(device) } else { None });
    let device = devices.next();
    if devices.next().is_some() {
        odd.add(&format!("{kind} after the first"));
    }
    device
}

fn ethernet(device: &Map, found: &mut Found, odd: &mut Odd<'_>) {
    let addresses = device.texts("addresses", odd);
    // Of several the first IPv4 address counts; IPv6 configures itself.
    found.add("address", addresses.into_iter().find(|address| !address.contains(':')).unwrap_or_default());
    let gateway = device.text("gateway4", odd);
    found.add("gateway", if gateway.is_empty() { default_route(device, odd) } else { gateway });
    if let Some(servers) = device.map("nameservers") {
        found.add("dns", servers.texts("addresses", odd).join(" "));
    }
    device.others(&["addresses", "gateway4", "routes", "nameservers", "dhcp4", "dhcp6", "optional"], odd);
}

fn default_route(device: &Map, odd: &mut Odd<'_>) -> String {
    let Some(Node::List(routes)) = device.get("routes") else { return String::new() };
    let mut via = String::new();
    for route in routes {
        match route {
            Node::Map(route) if ["default", "0.0.0.0/0"].contains(&&*route.text("to", odd)) && via.is_empty() => {
                via = route.text("via", odd);
            }
            _ => odd.add("routes"),
        }
    }
    via
}

fn wifi(device: &Map, found: &mut Found, odd: &mut Odd<'_>) {
    found.add("wifi_country", device.text("regulatory-domain", odd));
    match device.get("access-points") {
        Some(Node::Map(points)) => {
            let mut points = points.entries();
            if let Some((name, point)) = points.next() {
                access_point(name, point, found, odd);
            }
            if points.next().is_some() {
                odd.add("access-points after the first");
            }
        }
        None | Some(Node::Nothing) => {}
        Some(_) => odd.add("access-points"),
    }
    device.others(&["access-points", "regulatory-domain", "dhcp4", "dhcp6", "optional", "renderer"], odd);
}

/// A network is open when nothing is said of a password, or `key-management: none`.
fn access_point(name: &Name, point: &Node, found: &mut Found, odd: &mut Odd<'_>) {
    let nothing = Map::default();
    let point = match point {
        Node::Map(point) => point,
        Node::Nothing => &nothing,
        _ => return odd.add("access-points"),
    };
    let auth = point.map("auth").unwrap_or(&nothing);
    let management = auth.text("key-management", odd);
    let mut password = point.text("password", odd);
    if password.is_empty() {
        password = auth.text("password", odd);
    }
    let is_secret = point.get("password").is_some() || auth.get("password").is_some() || point.get("auth").is_some();
    match management.as_str() {
        "none" => password.clear(),
        "" | "psk" | "sae" if !password.is_empty() => {}
        "" if !is_secret => {}
        "" | "psk" | "sae" => return found.complain("the wireless network's password is no text: it is not joined"),
        _ => return found.complain("the wireless network wants more than a password: it is not joined"),
    }
    found.add_wifi_name(&name.octets);
    found.add("wifi_password", password);
    found.add("wifi_hidden", point.text("hidden", odd));
    point.others(&["password", "auth", "hidden"], odd);
    auth.others(&["key-management", "password"], odd);
}
