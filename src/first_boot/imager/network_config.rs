//! `network-config`: version 2 of cloud-init's, which is netplan's.

use serde_json::{Map, Value};

use super::found::Found;
use super::yaml::{others, parse, scalar, texts};

pub(crate) fn read(text: &str, found: &mut Found) {
    let whole = match parse(text) {
        Ok(map) => map,
        Err(problem) => return found.complain(problem),
    };
    // Newer Imagers put everything below `network`, older ones do not.
    let map = match whole.get("network") {
        Some(Value::Object(inner)) => inner,
        _ => &whole,
    };
    if scalar(map.get("version")).is_some_and(|version| version != "2") {
        return found.complain("has another version than 2: not used");
    }
    let mut ignored = others(map, &["network", "version", "renderer", "ethernets", "wifis"], "");
    if let Some(ethernet) = only_device(map, "ethernets", &mut ignored) {
        self::ethernet(ethernet, found, &mut ignored);
    }
    if let Some(wifi) = only_device(map, "wifis", &mut ignored) {
        self::wifi(wifi, found, &mut ignored);
    }
    found.ignore(&ignored);
}

/// Returns the first device of a kind; keys that have no keys of their own, such as `renderer`, are none.
fn only_device<'a>(
    map: &'a Map<String, Value>,
    kind: &str,
    ignored: &mut Vec<String>,
) -> Option<&'a Map<String, Value>> {
    let mut devices = map.get(kind)?.as_object()?.values().filter_map(Value::as_object);
    let device = devices.next();
    if devices.next().is_some() {
        ignored.push(format!("{kind} after the first"));
    }
    device
}

fn ethernet(device: &Map<String, Value>, found: &mut Found, ignored: &mut Vec<String>) {
    let addresses = texts(device.get("addresses"));
    // Of several the first IPv4 address counts; IPv6 configures itself.
    found.add("address", addresses.into_iter().find(|address| !address.contains(':')).unwrap_or_default());
    found.add("gateway", scalar(device.get("gateway4")).or_else(|| default_route(device)).unwrap_or_default());
    if let Some(Value::Object(servers)) = device.get("nameservers") {
        found.add("dns", texts(servers.get("addresses")).join(" "));
    }
    let known = ["addresses", "gateway4", "routes", "nameservers", "dhcp4", "dhcp6", "optional"];
    ignored.extend(others(device, &known, "ethernets."));
}

fn default_route(device: &Map<String, Value>) -> Option<String> {
    let routes = device.get("routes")?.as_array()?.iter().filter_map(Value::as_object);
    let is_default =
        |route: &&Map<String, Value>| scalar(route.get("to")).is_some_and(|to| to == "default" || to == "0.0.0.0/0");
    scalar(routes.into_iter().find(is_default)?.get("via"))
}

fn wifi(device: &Map<String, Value>, found: &mut Found, ignored: &mut Vec<String>) {
    found.add("wifi_country", scalar(device.get("regulatory-domain")).unwrap_or_default());
    if let Some(Value::Object(points)) = device.get("access-points") {
        if let Some((name, point)) = points.iter().next() {
            found.add("wifi_name", name.as_str());
            let auth = point.get("auth").and_then(|auth| auth.get("password"));
            found.add("wifi_password", scalar(point.get("password").or(auth)).unwrap_or_default());
            found.add("wifi_hidden", scalar(point.get("hidden")).unwrap_or_default());
        }
        if points.len() > 1 {
            ignored.push("access-points after the first".to_owned());
        }
    }
    let known = ["access-points", "regulatory-domain", "dhcp4", "dhcp6", "optional", "renderer"];
    ignored.extend(others(device, &known, "wifis."));
}
