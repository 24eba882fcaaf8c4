//! `wpa_supplicant.conf`: read as wpa_supplicant reads it, line by line.

use super::found::Found;

/// Options that say nothing that is not so here.
const GLOBAL: &[&str] =
    &["country", "ctrl_interface", "ctrl_interface_group", "update_config", "ap_scan", "eapol_version", "fast_reauth"];
const OF_NETWORK: &[&str] =
    &["ssid", "psk", "key_mgmt", "scan_ssid", "priority", "id_str", "proto", "pairwise", "group", "ieee80211w"];

type Options<'a> = Vec<(&'a str, &'a str)>;

/// The network with the highest priority, the first of several.
pub(crate) fn read(text: &str, found: &mut Found) {
    let (global, mut networks) = blocks(text);
    let mut ignored: Vec<String> = Vec::new();
    let mut ignore = |options: &Options<'_>, known: &[&str]| {
        for (name, _) in options.iter().filter(|(name, _)| !known.contains(name)) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            if !ignored.contains(&shown) {
                ignored.push(shown);
            }
        }
    };
    ignore(&global, GLOBAL);
    found.add("wifi_country", value(&global, "country").unwrap_or_default());
    let priority = |options: &Options<'_>| value(options, "priority").and_then(|text| text.parse::<i64>().ok());
    networks.sort_by_key(|network| std::cmp::Reverse(priority(network).unwrap_or_default()));
    let Some(network) = networks.first() else {
        return found.complain("names no network with its `ssid`");
    };
    ignore(network, OF_NETWORK);
    if networks.len() > 1 {
        ignored.push("networks after the first".to_owned());
    }
    join(network, found);
    found.ignore(&ignored);
}

fn join(network: &Options<'_>, found: &mut Found) {
    let Some(name) = value(network, "ssid").map(octets) else {
        return found.complain("names no network with its `ssid`");
    };
    let management = value(network, "key_mgmt").unwrap_or("WPA-PSK");
    let words: Vec<&str> = management.split_whitespace().collect();
    let password = value(network, "psk").map(|text| String::from_utf8(quoted(text).unwrap_or_else(|| text.into())));
    let password = match (password, words.as_slice()) {
        (_, ["NONE"]) => String::new(),
        (Some(Ok(password)), words) if words.iter().any(|word| word.starts_with("WPA-PSK") || *word == "SAE") => {
            password
        }
        (None, _) => {
            return found.complain("the wireless network has no `psk` and no `key_mgmt=NONE`: it is not joined");
        }
        (Some(_), _) => return found.complain("the wireless network wants more than a password: it is not joined"),
    };
    found.add_wifi_name(&name);
    found.add("wifi_password", password);
    if value(network, "scan_ssid") == Some("1") {
        found.add("wifi_hidden", "yes");
    }
}

/// Returns the options outside of networks, and those of each network. A `}` ends a network only on a line of its own.
fn blocks(text: &str) -> (Options<'_>, Vec<Options<'_>>) {
    let (mut global, mut networks): (Options<'_>, Vec<Options<'_>>) = (Vec::new(), Vec::new());
    let mut network: Option<Options<'_>> = None;
    for line in text.lines().map(without_comment) {
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            if line == "}" {
                networks.extend(network.take());
            }
            continue;
        };
        match &mut network {
            None if name == "network" && value == "{" => network = Some(Vec::new()),
            None => global.push((name, value)),
            Some(options) => options.push((name, value)),
        }
    }
    networks.extend(network);
    (global, networks)
}

/// A `#` begins a comment where it stands behind the last quote.
fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') {
        return "";
    }
    let behind = line.rfind('"').map_or(0, |at| at + 1);
    let end = line[behind..].find('#').map_or(line.len(), |at| behind + at);
    line[..end].trim_end()
}

fn value<'a>(options: &Options<'a>, name: &str) -> Option<&'a str> {
    options.iter().rfind(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// A name is a text between quotes, or else hexadecimal digits.
fn octets(text: &str) -> Vec<u8> {
    let of_digits = || {
        let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
        pairs.collect::<Option<Vec<u8>>>().filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    quoted(text).or_else(of_digits).unwrap_or_else(|| text.as_bytes().to_vec())
}

/// Between quotes everything up to the last one is as it stands; behind a `P` there are escapes.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let inner = |text: &str| Some(text.strip_prefix('"')?.rsplit_once('"')?.0.to_owned());
    match text.strip_prefix('P') {
        Some(escaped) => inner(escaped).map(|text| unescaped(text.as_bytes())),
        None => inner(text).map(String::into_bytes),
    }
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'e') => bytes.push(0x1b),
            Some(b'x') => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.extend(u8::from_str_radix(&digits, 16).ok());
            }
            other => bytes.extend(other),
        }
    }
    bytes
}
