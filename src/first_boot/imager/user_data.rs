//! `user-data`: the subset of cloud-init's cloud-config that Imager writes.

use super::super::settings::{KEY_TYPES, flag};
use super::found::Found;
use super::yaml::{Map, Node, Odd, parse};

/// Read here, or said by Imager on its own account and true here anyway.
const KNOWN: &[&str] = &[
    "hostname",
    "fqdn",
    "manage_etc_hosts",
    "manage_resolv_conf",
    "user",
    "users",
    "ssh_pwauth",
    "timezone",
    "keyboard",
    "ssh_authorized_keys",
    "enable_ssh",
    "apt",
    "packages",
    "runcmd",
];
const KNOWN_OF_USER: &[&str] =
    &["name", "passwd", "plain_text_passwd", "lock_passwd", "ssh_authorized_keys", "sudo", "groups", "shell", "gecos"];
const KNOWN_OF_KEYBOARD: &[&str] = &["layout", "model"];

pub(crate) fn read(text: &str, found: &mut Found) {
    if text.starts_with("#!") || text.starts_with("Content-Type:") || text.starts_with("MIME-Version:") {
        return found.complain("is a script or a bundle: it is not run; only `#cloud-config` is read");
    }
    let map = match parse(&with_quoted_keys(text)) {
        Ok(map) => map,
        Err(problem) => return found.complain(problem),
    };
    let mut ignored = Vec::new();
    let mut odd = Odd { names: &mut ignored, prefix: "" };
    let mut name = map.text("hostname", &mut odd);
    if name.is_empty() {
        name = map.text("fqdn", &mut odd);
    }
    // Of a full name the first label is the machine's.
    found.add("hostname", name.split('.').next().unwrap_or_default());
    found.add("timezone", map.text("timezone", &mut odd));
    found.add("ssh_password", map.text("ssh_pwauth", &mut odd));
    map.others(KNOWN, &mut odd);
    if map.texts("packages", &mut odd).iter().any(|package| package != "avahi-daemon") {
        odd.add("packages");
    }
    if map.get("runcmd").is_some_and(|commands| !is_of_imager(commands)) {
        odd.add("runcmd");
    }
    keyboard(&map, found, &mut ignored);
    users(&map, found, &mut ignored);
    for key in map.texts("ssh_authorized_keys", &mut Odd { names: &mut ignored, prefix: "" }) {
        found.add("ssh_key", key);
    }
    found.ignore(&ignored);
}

/// Puts each key of an account that is an item of a list between quotes: what its owner wrote
/// behind the key may mean something in YAML, such as `ada: laptop` or `ssh:`.
fn with_quoted_keys(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for line in text.lines() {
        let item = line.trim_start().strip_prefix("- ").map(str::trim);
        let key = item.filter(|item| KEY_TYPES.iter().any(|kind| item.split_whitespace().next() == Some(kind)));
        match key {
            Some(key) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                quoted.push_str(&format!("{indent}- '{}'", key.replace('\'', "''")));
            }
            None => quoted.push_str(line),
        }
        quoted.push('\n');
    }
    quoted
}

/// Imager turns on SSH, the radio and `sudo`: all that is so here.
fn is_of_imager(commands: &Node) -> bool {
    let Node::List(commands) = commands else { return matches!(commands, Node::Nothing) };
    commands.iter().all(|command| {
        let text = match command {
            Node::Text(text) => text.clone(),
            Node::List(words) => {
                let words =
                    words.iter().filter_map(|word| if let Node::Text(word) = word { Some(&**word) } else { None });
                words.collect::<Vec<_>>().join(" ")
            }
            _ => return false,
        };
        ["systemctl enable --now ssh", "systemctl enable ssh", "rfkill unblock wifi"].contains(&text.trim())
            || text.contains("/var/lib/systemd/rfkill/")
            || text.contains("/etc/sudoers.d/")
    })
}

fn keyboard(map: &Map, found: &mut Found, ignored: &mut Vec<String>) {
    match map.get("keyboard") {
        Some(Node::Map(keyboard)) => {
            let mut odd = Odd { names: ignored, prefix: "keyboard." };
            found.add("keyboard", keyboard.text("layout", &mut odd));
            keyboard.others(KNOWN_OF_KEYBOARD, &mut odd);
        }
        _ => found.add("keyboard", map.text("keyboard", &mut Odd { names: ignored, prefix: "" })),
    }
}

/// The account is the one of `user`, which Imager writes since 2.0.9, or the first of `users`.
fn users(map: &Map, found: &mut Found, ignored: &mut Vec<String>) {
    let mut accounts: Vec<(&'static str, &Node)> = Vec::new();
    accounts.extend(map.get("user").map(|node| ("user", node)));
    match map.get("users") {
        Some(Node::List(users)) => accounts.extend(users.iter().map(|node| ("users", node))),
        other => accounts.extend(other.map(|node| ("users", node))),
    }
    accounts.retain(|(_, node)| match node {
        Node::Nothing => false,
        // cloud-init's word for the account of the image.
        Node::Text(name) => name != "default",
        _ => true,
    });
    let mut accounts = accounts.into_iter();
    match accounts.next() {
        Some((of, Node::Map(user))) => {
            let prefix = if of == "user" { "user." } else { "users." };
            account(user, found, &mut Odd { names: ignored, prefix });
        }
        Some((_, Node::Text(name))) => found.add("user", name.as_str()),
        Some((of, _)) => ignored.push(of.to_owned()),
        None => {}
    }
    if accounts.next().is_some() {
        ignored.push("users after the first".to_owned());
    }
}

fn account(user: &Map, found: &mut Found, odd: &mut Odd<'_>) {
    found.add("user", user.text("name", odd));
    let is_locked = flag(&user.text("lock_passwd", odd)).unwrap_or(false);
    let (hash, plain) = (user.text("passwd", odd), user.text("plain_text_passwd", odd));
    if !is_locked {
        found.add("password_hash", hash);
        found.add("password", plain);
    }
    for key in user.texts("ssh_authorized_keys", odd) {
        found.add("ssh_key", key);
    }
    user.others(KNOWN_OF_USER, odd);
}
