//! `user-data`: the subset of cloud-init's cloud-config that Imager writes.

use serde_json::{Map, Value};

use super::found::Found;
use super::yaml::{others, parse, scalar, texts};

/// Read here, or said by Imager on its own account and true here anyway.
const KNOWN: &[&str] = &[
    "hostname",
    "fqdn",
    "manage_etc_hosts",
    "users",
    "ssh_pwauth",
    "timezone",
    "keyboard",
    "ssh_authorized_keys",
    "enable_ssh",
    "apt",
    "packages",
];
const KNOWN_OF_USER: &[&str] =
    &["name", "passwd", "plain_text_passwd", "lock_passwd", "ssh_authorized_keys", "sudo", "groups", "shell", "gecos"];

pub(crate) fn read(text: &str, found: &mut Found) {
    if text.starts_with("#!") || text.starts_with("Content-Type:") || text.starts_with("MIME-Version:") {
        return found.complain("is a script or a bundle: it is not run; only `#cloud-config` is read");
    }
    let map = match parse(text) {
        Ok(map) => map,
        Err(problem) => return found.complain(problem),
    };
    let name = scalar(map.get("hostname")).or_else(|| scalar(map.get("fqdn")));
    // Of a full name the first label is the machine's.
    found.add("hostname", name.unwrap_or_default().split('.').next().unwrap_or_default());
    found.add("timezone", scalar(map.get("timezone")).unwrap_or_default());
    found.add("ssh_password", scalar(map.get("ssh_pwauth")).unwrap_or_default());
    if let Some(Value::Object(keyboard)) = map.get("keyboard") {
        found.add("keyboard", scalar(keyboard.get("layout")).unwrap_or_default());
    }
    let mut ignored = others(&map, KNOWN, "");
    ignored.extend(packages(&map));
    users(&map, found, &mut ignored);
    for key in texts(map.get("ssh_authorized_keys")) {
        found.add("ssh_key", key);
    }
    found.ignore(&ignored);
}

/// Imager asks for avahi, which is here.
fn packages(map: &Map<String, Value>) -> Vec<String> {
    let wanted = texts(map.get("packages"));
    if wanted.iter().any(|package| package != "avahi-daemon") { vec!["packages".to_owned()] } else { Vec::new() }
}

fn users(map: &Map<String, Value>, found: &mut Found, ignored: &mut Vec<String>) {
    let Some(Value::Array(users)) = map.get("users") else { return };
    let mut users = users.iter().filter_map(Value::as_object);
    if let Some(user) = users.next() {
        found.add("user", scalar(user.get("name")).unwrap_or_default());
        let is_locked = scalar(user.get("lock_passwd")).is_some_and(|flag| flag == "yes");
        if !is_locked {
            found.add("password_hash", scalar(user.get("passwd")).unwrap_or_default());
            found.add("password", scalar(user.get("plain_text_passwd")).unwrap_or_default());
        }
        for key in texts(user.get("ssh_authorized_keys")) {
            found.add("ssh_key", key);
        }
        ignored.extend(others(user, KNOWN_OF_USER, "users."));
    }
    if users.next().is_some() {
        ignored.push("users after the first".to_owned());
    }
}
