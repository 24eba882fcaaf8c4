//! `rpi-preseed.toml`, which Imager writes since 2.0.11 where a list asks for it, and `custom.toml`, its older form:
//! both have the same tables.

use toml::{Table, Value};

use super::found::Found;

/// How a value becomes entries.
enum Meaning {
    /// The text is the entry of this key.
    Text(&'static str),
    /// The truth is.
    Flag(&'static str),
    /// Each text of the list is.
    Texts(&'static str),
    /// Read together with another value, or so here anyway.
    Silent,
}

/// Every value that is read, by its table.
const KNOWN: &[(&str, &str, Meaning)] = &[
    ("system", "hostname", Meaning::Text("hostname")),
    ("user", "name", Meaning::Text("user")),
    ("user", "password", Meaning::Silent),
    ("user", "password_encrypted", Meaning::Silent),
    ("ssh", "enabled", Meaning::Silent),
    ("ssh", "password_authentication", Meaning::Flag("ssh_password")),
    ("ssh", "authorized_keys", Meaning::Texts("ssh_key")),
    ("wlan", "ssid", Meaning::Silent),
    ("wlan", "password", Meaning::Silent),
    // A network's key and its password are told apart by their form.
    ("wlan", "password_encrypted", Meaning::Silent),
    ("wlan", "hidden", Meaning::Flag("wifi_hidden")),
    ("wlan", "country", Meaning::Text("wifi_country")),
    ("locale", "keymap", Meaning::Text("keyboard")),
    ("locale", "timezone", Meaning::Text("timezone")),
];

pub(crate) fn read(text: &str, found: &mut Found) {
    // The library's words quote the text, which may hold a password.
    let Ok(whole) = text.parse::<Table>() else { return found.complain("is not TOML that can be read") };
    let mut ignored = Vec::new();
    for (name, value) in &whole {
        match value {
            Value::Table(values) => table(name, values, found, &mut ignored),
            // The number of the format: there is one.
            _ if name == "config_version" => {}
            _ => ignored.push(shown(name)),
        }
    }
    if let Some(Value::Table(user)) = whole.get("user") {
        password(user, found, &mut ignored);
    }
    if let Some(Value::Table(network)) = whole.get("wlan") {
        wireless(network, found);
    }
    found.ignore(&ignored);
}

fn table(name: &str, values: &Table, found: &mut Found, ignored: &mut Vec<String>) {
    for (key, value) in values {
        let meaning =
            KNOWN.iter().find(|(table, known, _)| *table == name && known == key).map(|(.., meaning)| meaning);
        let is_read = match (meaning, value) {
            (Some(Meaning::Silent), _) => true,
            (Some(Meaning::Text(entry)), Value::String(text)) => {
                found.add(entry, text.as_str());
                true
            }
            (Some(Meaning::Flag(entry)), Value::Boolean(flag)) => {
                found.add(entry, flag.to_string());
                true
            }
            (Some(Meaning::Texts(entry)), Value::Array(items)) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                texts.iter().for_each(|text| found.add(entry, text.trim()));
                texts.len() == items.len()
            }
            _ => false,
        };
        if !is_read {
            ignored.push(shown(&format!("{name}.{key}")));
        }
    }
}

/// The password of the account, as it is or hashed.
fn password(user: &Table, found: &mut Found, ignored: &mut Vec<String>) {
    match (user.get("password"), user.get("password_encrypted")) {
        (None, _) => {}
        (Some(Value::String(hash)), Some(Value::Boolean(true))) => found.add("password_hash", hash.as_str()),
        (Some(Value::String(plain)), None | Some(Value::Boolean(false))) => found.add("password", plain.as_str()),
        _ => ignored.push("user.password".to_owned()),
    }
}

/// A network is open only where nothing is said of a password.
fn wireless(network: &Table, found: &mut Found) {
    let Some(Value::String(name)) = network.get("ssid") else { return };
    match network.get("password") {
        None => found.add_wifi_name(name.as_bytes()),
        Some(Value::String(password)) if !password.is_empty() => {
            found.add_wifi_name(name.as_bytes());
            found.add("wifi_password", password.as_str());
        }
        Some(_) => found.complain("the wireless network's password is no text: it is not joined"),
    }
}

/// A key is as hostile as a value: it goes to a console.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
