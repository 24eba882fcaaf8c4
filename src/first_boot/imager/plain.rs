//! The files that people put on the FAT partition of Raspberry Pi OS by hand.
//! (`ssh`, which turns SSH on, has nothing to say: it is on.)

use super::found::Found;

/// `userconf.txt`: `name:hash` on one line.
pub(crate) fn userconf(text: &str, found: &mut Found) {
    match text.lines().map(str::trim).find(|line| !line.is_empty()).and_then(|line| line.split_once(':')) {
        Some((name, hash)) => {
            found.add("user", name);
            found.add("password_hash", hash);
        }
        None => found.complain("is not `name:hash of the password` on one line"),
    }
}

/// The first network of a `wpa_supplicant.conf`.
pub(crate) fn wpa_supplicant(text: &str, found: &mut Found) {
    let (before, network) = text.split_once("network=").unwrap_or((text, ""));
    let (network, rest) = network.split_once('}').unwrap_or((network, ""));
    found.add("wifi_country", option(before, "country").or_else(|| option(rest, "country")).unwrap_or_default());
    let Some(name) = option(network, "ssid") else {
        return found.complain("names no network with its `ssid`");
    };
    found.add("wifi_name", name);
    found.add("wifi_password", option(network, "psk").unwrap_or_default());
    if option(network, "scan_ssid").is_some_and(|flag| flag == "1") {
        found.add("wifi_hidden", "yes");
    }
    if rest.contains("network=") {
        found.ignore(&["networks after the first".to_owned()]);
    }
}

fn option<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='))?.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}
