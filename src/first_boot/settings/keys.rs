//! Every key of `conpaas.txt`.

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not given; `None` where there is none or it depends on others.
    pub default: Option<&'static str>,
    /// Whether its value is taken off the card once it was applied.
    pub is_secret: bool,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default, is_secret: false }
}

const fn secret(name: &'static str) -> Key {
    Key { name, default: None, is_secret: true }
}

/// In the order in which `config/conpaas.txt` explains them.
pub(crate) const KEYS: &[Key] = &[
    key("hostname", None),
    key("user", Some("pi")),
    key("ssh_key", None),
    secret("password"),
    secret("password_hash"),
    key("ssh_password", None),
    key("wifi_name", None),
    key("wifi_name_hex", None),
    secret("wifi_password"),
    key("wifi_country", None),
    key("wifi_hidden", Some("no")),
    key("address", Some("dhcp")),
    key("gateway", None),
    key("dns", None),
    key("network", Some("172.16.0.0/24")),
    key("number", Some("11")),
    key("time_servers", None),
    key("timezone", Some("UTC")),
    key("keyboard", None),
    key("conpaas_user", Some("conpaas")),
    key("email", None),
    key("credit", Some("10000")),
    key("role", Some("director")),
    key("backend", None),
];

/// Returns whether the key is known and its value must not stay on the card.
#[must_use]
pub(crate) fn is_secret(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name && key.is_secret)
}
